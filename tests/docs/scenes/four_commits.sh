# The repository of smoothing.sh at its fourth commit, three of which are recorded.
set -e
bash "$TOP/tests/docs/scenes/smoothing.sh"
record() {
  pytest --quiet --bench-memory --bench-lines --benchmark-disable > /dev/null
  gradmeter record > /dev/null
}
record
sed -i '0,/^    return/s//    x = np.array(x)\n    return/' smoothing.py
git commit --quiet --all --message "Take lists"
record
sed -i '1i """Smoothing."""\n' smoothing.py
git commit --quiet --all --message "A docstring"
sed -i 's/flatnonzero(x > smooth(x, width))/flatnonzero(np.asarray(x) > smooth(x, width)).astype(np.int32)/' smoothing.py
git commit --quiet --all --message "Fewer bytes for places"
record
