"""The commands. A module here is imported only when its command is called; `main` lists them all."""
