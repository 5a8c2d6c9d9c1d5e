# A repository with a module that smooths, its benchmarks, and a remote, at its first commit.
set -e
git init --quiet --initial-branch main .
cat > .gitignore <<'END'
/reports/latest/
/docs/
/python/
/.home/
__pycache__/
END
cat > smoothing.py <<'END'
import numpy as np


def smooth(x, width):
    return np.convolve(x, np.ones(width) / width, mode="same")


def peaks(x, width):
    return np.flatnonzero(x > smooth(x, width))
END
cat > test_smoothing.py <<'END'
import numpy as np
import pytest
from smoothing import peaks, smooth


@pytest.mark.parametrize("function", [smooth, peaks])
def test_a_million(benchmark, function):
    x = np.sin(np.arange(1e6))
    benchmark(function, x, 9)
END
git add .gitignore smoothing.py test_smoothing.py
git commit --quiet --message "Smoothing"
git init --quiet --bare .home/remote.git
git remote add origin "$PWD/.home/remote.git"
git push --quiet --set-upstream origin main
