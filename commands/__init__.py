"""The command line: one file per noun, each thin; what a command does stands in `hub` and `connectors`."""
