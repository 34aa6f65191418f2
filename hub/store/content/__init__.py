"""Where large attachments lie: blobs under their SHA-256, in a folder or an S3 bucket. Knows nothing of messages."""
