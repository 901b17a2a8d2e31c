"""What the tests of the command line tools share. The tools' paths come from the environment."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SAVE = os.environ.get("IMGSTORE_SAVE", "imgstore-save")
INFO = os.environ.get("IMGSTORE_INFO", "imgstore-info")
ANALYZE = os.environ.get("MM_ANALYZE")
FORMATS = ["avc1/mp4", "mjpeg/avi", "npy", "tif"]


def run(*command, **options):
    """Runs a command to its end; stdout and stderr are text."""
    options.setdefault("timeout", 300)
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="utf-8", **options)


class ToolTest(unittest.TestCase):
    """Each test has an empty directory, self.dir."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="imgstore-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def save(self, destination, *options, source="test:frames=30,size=64x48"):
        """Records, which must succeed without a word on stderr. Returns the store's path."""
        result = run(SAVE, "--source", source, *options, self.path(destination))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return self.path(destination)

    def info(self, store, *options):
        result = run(INFO, "--json", *options, store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)

    def clip(self, name, *encoding, frames=50, size="128x96"):
        """A clip made by FFmpeg's own program, so that both sides of the test are not ours."""
        path = self.path(name)
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", "-frames:v",
                        str(frames), *encoding, path], check=True, stdin=subprocess.DEVNULL)
        return path

    def assert_fails(self, result, exit_code, *words):
        """One line on stderr that holds all the words, nothing on stdout."""
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertEqual(result.returncode, exit_code, result.stderr)


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
