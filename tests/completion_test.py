"""Completion as it is typed: a real bash and a real zsh on a terminal, in which the Tab key is pressed.

completion_test.py BASH_FILE ZSH_FILE TOOL...
"""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import unittest

from toolkit import ToolTest

BASH_FILE, ZSH_FILE = sys.argv[1:3]
TOOLS = [os.path.abspath(tool) for tool in sys.argv[3:]]
END = "\x14"  # Ctrl-T: the shell prints the line as it stands

CASES = [  # typed, and what must become of it; OPTION{}: bash goes on with a blank, zsh with "="
    ("imgstore-save --chunk-d\t", "imgstore-save --chunk-duration{}"),
    ("imgstore-save --when-full d\t", "imgstore-save --when-full drop "),
    ("imgstore-save --format=mj\t", "imgstore-save --format=mjpeg/avi "),
    ("imgstore-save --format ff\t", "imgstore-save --format ffv1/mkv "),
    ("imgstore-test --format np\t", "imgstore-test --format npy "),
    ("imgstore-save --source cl\t", "imgstore-save --source clip.avi "),
    ("imgstore-save --source clip.avi my\t", "imgstore-save --source clip.avi mystore/"),
    ("imgstore-info my\t", "imgstore-info mystore/"),
    ("imgstore-info --json mystore/m\t", "imgstore-info --json mystore/metadata.yaml "),
    ("imgstore-edit mystore re\t", "imgstore-edit mystore reindex "),
    ("imgstore-edit mystore insert cl\t", "imgstore-edit mystore insert clip.avi "),
    ("imgstore-export --images=t\t", "imgstore-export --images=tif "),
    ("imgstore-export --frames 0:9 mystore cl\t", "imgstore-export --frames 0:9 mystore clip.avi "),
    ("mm-analyze --max-m\t", "mm-analyze --max-movement{}"),
    ("mm-analyze --follow --max-movement 9 my\t", "mm-analyze --follow --max-movement 9 mystore/"),
    ("mm-analyze --output my\t", "mm-analyze --output mystore/"),
]


class Shell:
    """A shell on a terminal of its own."""

    def __init__(self, command, directory, setup):
        self.terminal, other = pty.openpty()
        path = os.pathsep.join([*{os.path.dirname(tool): None for tool in TOOLS}, os.environ["PATH"]])
        environment = {"PATH": path, "HOME": directory, "TERM": "dumb", "PS1": "", "INPUTRC": "/dev/null",
                       "HISTFILE": "/dev/null", "LC_ALL": "C.UTF-8"}
        for name in ("LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        self.process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, cwd=directory,
                                        env=environment, start_new_session=True)
        os.close(other)
        self.type(setup + "\nprintf '%s\\n' 'rea''dy'\n")
        self.wait_for("ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, pattern, seconds=30):
        text = ""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.2)[0]:
                text += os.read(self.terminal, 65536).decode(errors="replace")
            found = re.search(pattern, text)
            if found:
                return found
        raise AssertionError(f"{pattern!r} did not come: {text!r}")

    def complete(self, typed):
        self.type(typed + END)
        return self.wait_for(r"<<(.*)>>").group(1)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


class Completion(ToolTest):
    def check(self, command, setup, after_option):
        self.save("mystore", "--frames", "1")
        self.write("clip.avi", "")
        shell = Shell(command, self.dir, setup)
        self.addCleanup(shell.close)
        for typed, wanted in CASES:
            with self.subTest(typed):
                self.assertEqual(shell.complete(typed), wanted.format(after_option))

    def test_bash(self):
        self.check(["bash", "--norc", "--noprofile", "-i"],
                   f". '{BASH_FILE}'; show() {{ printf '<<%s>>\\n' \"$READLINE_LINE\"; READLINE_LINE=; }}; "
                   "bind 'set enable-bracketed-paste off'; bind -x '\"\\C-t\": show'", " ")

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh(self):
        os.mkdir(self.path("functions"))
        shutil.copy(ZSH_FILE, self.path("functions"))
        self.check(["zsh", "-f", "-i"],
                   "unsetopt zle_bracketed_paste promptcr promptsp; fpath=($PWD/functions $fpath); "
                   "autoload -Uz compinit; compinit -u -D; "
                   "show() { printf '<<%s>>\\n' \"$BUFFER\"; BUFFER=; }; zle -N show; bindkey '^T' show", "=")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
