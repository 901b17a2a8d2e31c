"""The README's C programs are the files that the tests compile and run; its commands do what they say."""
import os
import re
import shlex
import shutil
import sys
import tempfile

from toolkit import run

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
TOOLS = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[1:]}
# Here is no camera, and not much time.
INSTEAD = {"v4l2:/dev/video0": "test:live=1,size=128x96", "2h": "1", "10m": "0.5"}
# What takes longer, or a display, is tried with less: other tests have the rest.
SHORTER = {"imgstore-test": ["--format", "npy", "--frames", "9"], "imgstore-view": ["--export", "frame.png"]}


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read()


def check_programs(readme):
    blocks = re.findall(r"^```c\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    for name in ("tests/example_record.c", "tests/example_read.c"):
        if read(name) not in blocks:
            sys.exit(f"README.md does not hold the text of {name}")


def commands(readme):
    """Those that are indented: they are to be typed as they stand."""
    for line in re.findall(r"^    (\S.*)$", readme, re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words and words[0] in TOOLS:
            yield [INSTEAD.get(word, word) for word in words] + SHORTER.get(words[0], [])


def type_commands(readme, directory):
    """In a directory with a film of 150 frames: what is renumbered must be there."""
    made = run(TOOLS["imgstore-save"], "--source", "test:size=128x96,frames=150", "film", cwd=directory)
    made = made.returncode or run(TOOLS["imgstore-export"], "film", "clip.avi", cwd=directory).returncode
    if made:
        sys.exit("there is no film to try the commands with")
    count = 0
    for words in commands(readme):
        result = run(TOOLS[words[0]], *words[1:], cwd=directory)
        if result.returncode != 0:
            sys.exit(f"{shlex.join(words)}\n{result.stdout}{result.stderr}")
        count += 1
    return count


readme_text = read("README.md")
check_programs(readme_text)
folder = tempfile.mkdtemp(prefix="imgstore-test-")
try:
    typed = type_commands(readme_text, folder)
finally:
    shutil.rmtree(folder)
if typed == 0:
    sys.exit("README.md holds no commands")
print(f"README.md holds both programs, and {typed} commands that work")
