"""The peer: opens a run with Ray, asks for the best checkpoint by loss, and prints its name."""
import sys

from ray.train import Result as ResultV2
from ray.tune import Result as ResultV1

reader = ResultV2 if sys.argv[2] == "v2" else ResultV1
print(reader.from_path(sys.argv[1]).get_best_checkpoint("loss", "min").path.rsplit("/", 1)[-1])
