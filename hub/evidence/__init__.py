"""Evidence files: what they hold and how they are written. Pure: no SQL, socket or clock."""
