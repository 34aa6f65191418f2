"""What `hub doctor` looks at, a file for each subject; `hub check` asks some of it too."""
