"""Worker: claims runs over HTTP, trains them in child processes, tells how they ended.

The one idea: a worker may die at any instant, because it owns nothing. Every run it holds is under
a lease that runs out, every message it sends may be repeated, and whatever it says about a run it
no longer holds is refused.
Not here: HTTP (`service.client`), the training itself (`tuning.execution`).
"""

from service.worker.loop import Options, Worker, run

__all__ = ["Options", "Worker", "run"]
