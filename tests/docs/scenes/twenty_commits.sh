# A repository of twenty commits: two copies came, and one commit does not even import.
set -e
git init --quiet --initial-branch main .
printf '/reports/\n/docs/\n/python/\n/.home/\n__pycache__/\n' > .gitignore
cat > test_s.py <<'END'
import numpy as np
from smoothing import smooth


def test_smooth(benchmark):
    benchmark(smooth, np.ones(100_000))
END
printf 'import numpy as np\n\ndef smooth(x):\n    return np.convolve(x, np.ones(9) / 9, mode="same")\n' > smoothing.py
for number in $(seq 20); do
  case $number in
    7) sed -i 's/^    return/    x = x.copy()\n    return/' smoothing.py ;;
    10) cp test_s.py .home/; echo '(' >> test_s.py ;;
    11) cp .home/test_s.py . ;;
    13) sed -i 's/^    return/    y = x.copy()\n    return/' smoothing.py ;;
  esac
  echo "$number" > number.txt
  git add .gitignore number.txt smoothing.py test_s.py
  git commit --quiet --message "commit $number"
done
