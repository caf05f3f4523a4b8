"""Datasets of a worker: fetched over HTTP when a block needs one, and kept.

The one idea: a dataset is called after the hash of its bytes, so a file that was fetched once is
the right one for ever, and what comes damaged is noticed. The folder may be deleted at any time.
Not here: how bytes travel (`service.client.datasets`).
"""

import hashlib
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.client import BadAnswer, Client, ProblemError
from tuning.errors import TrainingCrashed
from tuning.objectives import Objective
from tuning.objectives.dataset_files import dataset_id, is_dataset_id
from tuning.objectives.plain_files import is_plain
from tuning.records import Cause

logger = logging.getLogger(__name__)

READABLE = 0o640  # by the group of the folder, too, which a training user may be of


class DatasetCache:
    """The datasets that were fetched.

    Args:
        client: the service they come from.
        folder: where they are kept; None if objectives that need any are not trained here.
        objectives: what is trained here.
    """

    def __init__(
        self, client: Client, folder: Path | None, objectives: Mapping[str, Objective]
    ) -> None:
        self._client = client
        self._folder = folder
        self._kinds = {name: one.dataset for name, one in objectives.items()}

    def bring(self, objective: str, config: Mapping[str, Any]) -> None:
        """Fetch the dataset that a config names, if any, unless it is there.

        Raises `TrainingCrashed` if it cannot be had.
        """
        dataset = config.get("dataset")
        if self._folder is None or not self._kinds.get(objective) or not is_dataset_id(dataset):
            return
        path = self._folder / str(dataset)
        if is_plain(path):
            return
        try:
            self._fetch(path)
        except (BadAnswer, ProblemError, OSError) as error:
            told = f"dataset {dataset} could not be fetched: {error}"
            raise TrainingCrashed(told, Cause.REFUSED) from error
        logger.info("dataset %s was fetched", dataset)

    def _fetch(self, path: Path) -> None:
        """Write the content to a file that appears whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            try:
                for block in self._client.datasets.content(path.name):
                    digest.update(block)
                    part.write(block)
                part.close()
                _check_name(path.name, digest.hexdigest())
                Path(part.name).chmod(READABLE)
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise


def _check_name(dataset: str, sha256: str) -> None:
    if dataset_id(sha256) != dataset:
        raise BadAnswer(f"the content of dataset {dataset} is not what its name says")
