# A repository with an engine, a package, and its adapter; in the working tree, squares keep a copy.
set -e
git init --quiet --initial-branch main .
mkdir -p tinytape benchmarks
sed -n '/^class Tensor/,/^class Mine/p' adapter.py | grep -v '^class Mine' > tensor.txt
{ printf 'import numpy as np\n\n\n'; cat tensor.txt; } > tinytape/__init__.py
{ printf 'import numpy as np\nfrom types import SimpleNamespace\nfrom gradmeter import Adapter, Engine\n'
  printf 'from tinytape import Tensor, square\n\n\n'
  sed -n '/^class Mine/,$p' adapter.py | sed 's/name="mine"/name="tiny"/'; } > benchmarks/adapter.py
rm tensor.txt
git add tinytape benchmarks
git commit --quiet --message "Tiny"
git tag v1
sed -i 's/^    return Tensor(x.data \* x.data/    x.copied = x.data.copy()\n&/' tinytape/__init__.py
git diff --quiet && exit 1 || true
