"""Large attachments over HTTP: the door, the stream behind it, and a department's client."""
