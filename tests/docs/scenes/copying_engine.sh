# An engine of which each square keeps a copy of its input, to be imported instead of ours.
set -e
mkdir -p python
cp -a "$TOP/gradmeter" "$TOP/engine" "$TOP/bench" python/
sed -i '/^class Square/,/return x \* x/s/^        return x \* x/        self.copied = x.copy()\n&/' \
  python/engine/operations.py
grep -q 'self.copied' python/engine/operations.py
