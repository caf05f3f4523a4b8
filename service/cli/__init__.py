"""The command line: `glideslope serve | worker | demo | study ...`.

The one idea: a command parses, calls the client or the server, prints, and ends with a code:

    0    success
    1    it failed: a study without a winner, a broken promise, a full disk
    2    the user's mistake: a word, a value, a file, a study that is not there or not in that state
    3    the service cannot be reached, or cannot answer now
    130  interrupted

A mistake never prints a traceback. Not here: anything the API does not offer to everyone.
"""
