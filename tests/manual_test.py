"""What people read about the tools: --help, manual pages, the commands in the README.

manual_test.py PAGES TOOL...   PAGES: the directory of the rendered pages
"""
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

from toolkit import run

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PAGES = sys.argv[1]
TOOLS = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[2:]}
COLUMNS = 80


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read()


@functools.lru_cache(None)
def help_of(tool):
    result = run(TOOLS[tool], "--help")
    assert (result.returncode, result.stderr) == (0, ""), tool
    return result.stdout


def options_of(tool):
    return set(re.findall(r"^  (--[a-z0-9-]+)", help_of(tool), re.MULTILINE))


def page_of(tool):
    return read(f"tools/man/{tool}.1.scd")


def commands(text):
    """The commands in a text, as (tool, its options); a line that ends in a backslash goes on."""
    names = "|".join(TOOLS)
    for line in text.replace("\\\n", " ").splitlines():
        for tool, rest in re.findall(rf"(?:^|[\s/`*])({names})((?:\s[^#|;`]*)?)", line):
            yield tool, re.findall(r"(?<=[\s*])--[a-z][a-z0-9-]*", rest)


class Manual(unittest.TestCase):
    def assert_options_exist(self, text):
        found = 0
        for tool, options in commands(text):
            self.assertLessEqual(set(options), options_of(tool), tool)
            found += 1
        self.assertGreater(found, 0)

    def test_help_fits_a_terminal(self):
        for tool in TOOLS:
            with self.subTest(tool):
                self.assertEqual([line for line in help_of(tool).splitlines() if len(line) > COLUMNS], [])

    def test_a_page_has_the_options_of_its_tool(self):
        for tool in TOOLS:
            with self.subTest(tool):
                named = re.findall(r"^\*--.*", page_of(tool), re.MULTILINE)
                self.assertEqual(set(re.findall(r"\*(--[a-z0-9-]+)\*", " ".join(named))), options_of(tool))

    def test_options_in_running_text_exist(self):
        everything = set().union(*(options_of(tool) for tool in TOOLS))
        for text in [read("tools/man/imgstore-c.7.scd"), *(page_of(tool) for tool in TOOLS)]:
            with self.subTest(text.partition("(")[0]):
                self.assertLessEqual(set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)), everything)
                self.assert_options_exist(text)

    def test_commands_in_the_readme_have_options_that_exist(self):
        self.assert_options_exist(read("README.md"))

    def test_the_readme_names_every_package_that_is_installed(self):
        lists = re.findall(r'_packages="\n(.*?)"', read("tools/install-packages.sh"), re.DOTALL)
        self.assertEqual(len(lists), 3)
        named = set(re.findall(r"`([^`]*)`", read("README.md")))
        for package in " ".join(lists).split():
            self.assertTrue(named & set(package.split("|")), package)

    def test_the_readme_and_the_overview_name_every_tool(self):
        for tool in TOOLS:
            with self.subTest(tool):
                self.assertIn(tool, read("README.md"))
                self.assertIn(f"*{tool}*(1)", read("tools/man/imgstore-c.7.scd"))

    def test_formats_in_help_and_page_are_those_that_can_be_written(self):
        said = run(TOOLS["imgstore-save"], "--source", "test:", "--format", "?", "no-store").stderr
        formats = set(re.search(r"choose one of ([^(]*)", said).group(1).strip().split(", "))
        section = re.search(r"^Formats:\n(.*?)\n\n", help_of("imgstore-save"), re.MULTILINE | re.DOTALL).group(1)
        self.assertEqual({line.split()[0] for line in section.splitlines()}, formats)
        table = re.search(r"^# FORMATS\n(.*?)\n\n\*", page_of("imgstore-save"), re.MULTILINE | re.DOTALL).group(1)
        rows = re.findall(r"^\|  (.*)$", table, re.MULTILINE)
        self.assertEqual(set(", ".join(rows).split(", ")), formats)

    def test_pages_have_the_sections_of_a_manual(self):
        for tool in TOOLS:
            with self.subTest(tool):
                sections = re.findall(r"^# (.*)$", page_of(tool), re.MULTILINE)
                wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"]
                self.assertEqual([section for section in sections if section in wanted], wanted)

    def test_pages_are_rendered_without_warnings(self):
        pages = glob.glob(os.path.join(PAGES, "*.[17]"))
        if not pages:
            self.skipTest("scdoc was not there when this was built")
        self.assertEqual(len(pages), len(TOOLS) + 1)
        for page in pages:
            with self.subTest(page):
                shown, warnings = render(page)
                if shown is None:
                    self.skipTest("there is no program that shows manual pages")
                self.assertEqual(warnings, "")
                self.assertIn("SEE ALSO", shown)


def render(page):
    """Text and warnings of the first program that can show the page; None if there is none."""
    environment = dict(os.environ, MANWIDTH=str(COLUMNS), LC_ALL="C.UTF-8")
    for command in (["man", "--local-file", "--warnings", "-Tutf8"], ["groff", "-ww", "-t", "-man", "-Tutf8"],
                    ["mandoc", "-W", "error"]):
        if shutil.which(command[0]):
            result = subprocess.run([*command, page], capture_output=True, encoding="utf-8", env=environment,
                                    check=False)
            text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", result.stdout)
            return text, result.stderr
    return None, ""


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
