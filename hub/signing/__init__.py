"""The strict signature profile: how a document is signed and how a signature is proven."""
