"""The README's C programs are the files that the tests compile and run."""
import os
import re
import sys

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def read(name):
    with open(os.path.join(top, name), encoding="utf-8") as file:
        return file.read()


blocks = re.findall(r"^```c\n(.*?)^```$", read("README.md"), re.MULTILINE | re.DOTALL)
for name in ("tests/example_record.c", "tests/example_read.c"):
    if read(name) not in blocks:
        sys.exit(f"README.md does not hold the text of {name}")
print("README.md holds both programs")
