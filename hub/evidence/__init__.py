"""Evidence files and archives: what they hold, how they are written, and the two verbs that gather it."""
