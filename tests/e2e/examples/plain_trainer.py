"""A trainer in plain Python: `python plain_trainer.py URL OBJECTIVE`."""

import http.client, json, os, random, sys, threading, time, traceback, urllib.request as web, uuid


def train(block, run, report):
    """Yours: one training, here SGD on a noisy bowl; ends early if `report` says False."""
    noise, x = random.Random(run["seed"]), [1.0] * 8
    for step, lr in enumerate(run["schedule"]["table"]["values"][: block["updates"]], 1):
        x = [each - lr * (each + noise.gauss(0, 0.3)) for each in x]
        if not (loss := sum(each * each for each in x)) < 1e6:
            return {"outcome": "diverged", "step": step, "lr": lr}
        if step % 20 == 0 and not report(step, loss=loss, lr=lr):
            break
    return {"outcome": "completed", "metrics": {each: {"loss": loss} for each in block["splits"]}}


def work(url, objective, key, train=train):
    """Claim a run, train it, tell how it ended, for ever."""
    worker, held, claimed = f"{objective}-{uuid.uuid4().hex}", [], {"heartbeat_seconds": 1}
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}

    def call(path, **body):  # until there is an answer: what arrives twice counts once
        data, answer = json.dumps({"worker": worker, **body}).encode(), None
        while answer is None:
            try:
                answer = json.load(web.urlopen(web.Request(url + path, data, headers), timeout=60))
            except (OSError, http.client.HTTPException) as error:  # the service may restart
                if getattr(error, "code", 503) not in {408, 409, 429, 503}:
                    raise RuntimeError(error.read().decode()) from error
                answer = json.load(error) if getattr(error, "code", 0) == 409 else time.sleep(1)
        stopped = [each["run"] for each in answer.get("replies", []) if each["stop"]]
        held[:] = [each for each in held if each["run"] not in stopped]  # cancelled, or too late
        return answer

    def beat():
        while not time.sleep(claimed["heartbeat_seconds"]):
            call("/v1/runs:heartbeat", runs=held)

    def report(step, **metrics):
        told = {"seq": step, "steps": [step], "values": {name: [metrics[name]] for name in metrics}}
        call("/v1/runs:report", reports=[{**each, **told} for each in held])
        return bool(held)

    threading.Thread(target=beat, daemon=True).start()
    while True:
        wish = {"objectives": [objective], "table": True, "wait_seconds": 20}
        claimed.update(call("/v1/work:claim", claim=uuid.uuid4().hex, **wish))
        for run in claimed["block"]["runs"] if claimed["block"] else []:
            held[:] = [{"run": run["run"], "token": run["token"]}]
            try:
                end = train(claimed["block"], run, report)
            except Exception as error:
                end = dict(outcome="failed", reason=repr(error), traceback=traceback.format_exc())
            call("/v1/runs:tell", results=[{**each, **end} for each in held])


if __name__ == "__main__":
    work(*sys.argv[1:], key=os.environ.get("GLIDESLOPE_API_KEY", ""))
