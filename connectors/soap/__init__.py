"""SOAP 1.1 and 1.2: messages read and written, a door that serves them, a client, and the sender to departments."""
