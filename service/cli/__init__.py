"""The command line: `glideslope serve | worker | demo | study ...`.

The one idea: a command parses, calls the client or the server, prints, and ends with a code: 0 for
success, 1 for a study without a winner or a service that cannot be reached, 2 for a user's mistake.
A mistake never prints a traceback. Not here: anything the API does not offer to everyone.
"""
