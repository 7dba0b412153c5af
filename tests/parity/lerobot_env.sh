#!/usr/bin/env bash
# Makes a virtual environment with LeRobot 0.4.4 on a CPU build of torch, for recording reference numbers and for benchmarks.
#
#   tests/parity/lerobot_env.sh [FOLDER]      (default: .venv-lerobot; about 2 GB; prints the path of its python)
#
# Plain `pip install lerobot` brings 8 GB of CUDA libraries. Here LeRobot and torchvision are installed without their
# dependencies, and the two compiled operators that torchvision's Python part looks up are declared by a .pth file,
# because torchvision's own binary does not match a CPU torch. 0.25 is the newest torchvision that LeRobot 0.4.4 allows,
# and the last with the VideoReader behind `--dataset.video_backend=pyav`.
set -euo pipefail
folder=${1:-.venv-lerobot}
if [ ! -e "$folder/complete" ] || [ ! -e "$folder"/lib/python3*/site-packages/torchvision/io/video_reader.py ] ||
  [ ! -e "$folder"/lib/python3*/site-packages/peft ]; then
  python3 -m venv "$folder"
  pip="$folder/bin/python -m pip --disable-pip-version-check install -q"
  $pip torch==2.13.0
  $pip --no-deps lerobot==0.4.4 torchvision==0.25.0
  $pip "datasets<5,>=4" "diffusers<0.36" "huggingface-hub<0.36,>=0.34.2" "opencv-python-headless<4.13" "av<16" accelerate \
    jsonlines "packaging<26" draccus==0.10.0 "gymnasium<2" "deepdiff<9" "imageio[ffmpeg]" "rerun-sdk<0.27" "wandb<0.25" \
    einops termcolor pyserial pillow toml "transformers<5,>=4.57.1" "num2words<0.6"
  $pip --no-deps peft==0.18.1
  site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  cat > "$site/torchvision_operators.py" <<'PY'
import importlib.abc
import sys


class DeclareBeforeTorchvision(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            global library
            library = torch.library.Library("torchvision", "DEF")
            library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return None


sys.meta_path.insert(0, DeclareBeforeTorchvision())
PY
  echo "import torchvision_operators" > "$site/torchvision_operators.pth"
  touch "$folder/complete"
fi
echo "$folder/bin/python"
