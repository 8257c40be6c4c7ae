"""What `headwater doctor` looks at, one thing after the other, on the way from the settings to an answer.

`local` looks at what can be seen from here, `remote` asks the server; each check gives findings and raises nothing.
"""
