"""--help, --version, mistakes on the command line, progress on a terminal only."""
import os
import pty
import re
import subprocess
import threading

import toolkit
from toolkit import ANALYZE, INFO, SAVE, ToolTest, run


class CommandLine(ToolTest):
    tools = [tool for tool in (SAVE, INFO, ANALYZE) if tool]

    def test_help_begins_with_an_example(self):
        for tool in self.tools:
            result = run(tool, "--help")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            lines = result.stdout.splitlines()
            self.assertEqual(lines[0], "Example:")
            self.assertTrue(lines[1].strip().startswith(os.path.basename(tool) + " "), lines[1])
            self.assertIn("Exit code: 0", result.stdout)
            for option in ("--help", "--version", "--quiet"):
                self.assertIn(option, result.stdout)

    def test_version(self):
        for tool in self.tools:
            result = run(tool, "--version")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertRegex(result.stdout, rf"^{os.path.basename(tool)} \d+\.\d+\.\d+\n$")

    def test_mistakes(self):
        for tool in self.tools:
            self.assert_fails(run(tool), 2, "--help")
            self.assert_fails(run(tool, "--no-such-option", "x"), 2, "--no-such-option", "--help")
            self.assert_fails(run(tool, "--quiet=1", "x"), 2, "--quiet")
        source = ["--source", "test:frames=3"]
        self.assert_fails(run(SAVE, *source, "a", "b"), 2, '"b"')
        for bad in (["--frames", "12x"], ["--frames", "0"], ["--frames", "-3"], ["--frames", ""], ["--frames", " 1"],
                    ["--duration", "inf"], ["--duration", "0x10"], ["--duration", "1,5"], ["--quality", "101"],
                    ["--quality", "0"], ["--chunksize", "99999999999999999999"], ["--metadata", "novalue"],
                    ["--metadata", "=1"], ["--metadata", "__store=1"], ["--format", "xvid/ogg"]):
            self.assert_fails(run(SAVE, *source, *bad, self.path("store")), 2, bad[0].replace("--", ""))
            self.assertEqual(os.listdir(self.dir), [])

    def test_a_full_standard_output_is_a_failure(self):
        store = self.save("store")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([INFO, store], stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output", result.stderr)


class Progress(ToolTest):
    def on_terminal(self, *options, frames=400, **environment):
        """What imgstore-save writes to a terminal on stderr."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal can be made here: {error}")
        seen = []

        def collect():
            while True:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the other side is closed
                    return
                if not data:
                    return
                seen.append(data)

        collector = threading.Thread(target=collect)
        collector.start()
        source = ["--source", f"test:size=64x48,frames={frames}"]
        result = subprocess.run([SAVE, *source, *options, self.path("store")], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, **environment}, check=False)
        os.close(theirs)
        collector.join()
        os.close(ours)
        self.assertEqual(result.returncode, 0)
        return b"".join(seen).decode()

    def test_a_bar_where_the_total_is_known(self):
        text = self.on_terminal(TERM="xterm", NO_COLOR="")
        self.assertRegex(text, r"recording .*\[.*\] \d+/400  \d+ frames/s")
        self.assertIn("\033[", text)

    def test_the_line_is_wiped_at_the_end(self):
        text = self.on_terminal(TERM="xterm")
        self.assertRegex(text, r"\r +\r$")

    def test_time_left(self):
        # The first line is drawn after one frame, a later one 0.1 s after it.
        text = self.on_terminal(frames=2000)
        self.assertRegex(text, r"left \d+:\d\d")

    def test_a_count_where_it_is_not(self):
        text = self.on_terminal("--source", "lavfi:testsrc2=size=64x48:duration=4")
        if re.search(r"\d+/\d+", text):
            self.skipTest("this source knows its length")
        self.assertRegex(text, r"recording \d+ frames  \d+ frames/s")

    def test_no_color(self):
        self.assertNotIn("\033", self.on_terminal(TERM="xterm", NO_COLOR="1"))

    def test_no_color_dumb(self):
        self.assertNotIn("\033", self.on_terminal(TERM="dumb"))

    def test_quiet(self):
        self.assertEqual(self.on_terminal("--quiet"), "")

    def test_nothing_without_a_terminal(self):
        result = run(SAVE, "--source", "test:frames=50", self.path("store"))
        self.assertEqual(result.stderr, "")
        self.assertEqual(len(result.stdout.splitlines()), 1)

    def test_quiet_says_no_summary(self):
        result = run(SAVE, "--quiet", "--source", "test:frames=50", self.path("store"))
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))


toolkit.main()
