"""`hub demo`: a made-up city plays the main job through real processes, HTTP and SOAP, and every claim is checked."""
