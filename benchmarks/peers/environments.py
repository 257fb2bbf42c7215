"""Makes the environments of the peers: `python -m benchmarks.peers.environments [NAME …]`.

Each lies under .peers/, which git ignores, so that a peer's requirements never meet pellucid's.
What is installed comes from where your pip installs from. Peers that need only torch, scikit-learn
and pandas (pytorch/examples, ResNet-18, HistGradientBoosting) run in the environment that runs
this.
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".peers"

# fastai goes in without its dependencies: torchvision would pin torch to a build that may not be
# there for a CPU, and spaCy serves text. What a Learner on tensors imports is the list below.
STEPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "keras": (("tensorflow-cpu==2.21.0", "keras==3.15.1"),),
    "fastai": (
        ("torch==2.13.0",),
        ("--no-deps", "fastai==2.8.12"),
        (
            "fastcore>=2.2.22",
            "fastdownload<2,>=0.0.8",
            "fastprogress>=0.2.4",
            "fasttransform>=0.0.3",
            "plum-dispatch<2.10",
            "cloudpickle",
            "matplotlib",
            "numpy",
            "packaging",
            "pandas",
            "pillow",
            "pyyaml",
            "requests",
            "scikit-learn",
            "scipy",
        ),
    ),
    "neuralforecast": (("torch==2.13.0",), ("neuralforecast==3.3.0",)),
}
CHECKS = {
    "keras": "import keras, tensorflow",
    "fastai": "import fastai.learner, fastai.callback.schedule",
    "neuralforecast": "import neuralforecast.models",
}


def main() -> None:
    """Make the environments named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(STEPS)}; none for all")
    names = parser.parse_args().names or list(STEPS)
    if unknown := sorted(set(names) - set(STEPS)):
        sys.exit(f"no environment is called {unknown[0]!r}; there are {', '.join(STEPS)}")
    for name in names:
        make(name)


def make(name: str) -> None:
    """Make one environment, or complete it, and import what its peer imports."""
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True)
    for packages in STEPS[name]:
        print(f"{name}: installing {' '.join(packages)}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    subprocess.run([python, "-c", CHECKS[name]], check=True)
    print(f"{name}: ready", flush=True)


if __name__ == "__main__":
    main()
