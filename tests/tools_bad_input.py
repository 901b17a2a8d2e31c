"""Bad input gives one clear line, the right exit code, and nothing that could be taken for whole."""
import os
import shutil
import subprocess
import unittest

import toolkit
from toolkit import ANALYZE, FORMATS, INFO, SAVE, ToolTest, run


class BadSource(ToolTest):
    def assert_refused(self, source, *words, options=()):
        before = sorted(os.listdir(self.dir))
        result = run(SAVE, "--source", source, *options, self.path("store"))
        self.assert_fails(result, 1, *words)
        self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_missing_file(self):
        self.assert_refused(self.path("missing.avi"), "missing.avi", "No such file")

    def test_text_file(self):
        self.assert_refused(self.write("notes.avi", "Dear diary,\nno frames today.\n" * 50), "notes.avi")
        self.assert_refused(self.write("notes.txt", "Dear diary,\nno frames today.\n" * 50), "notes.txt")

    def test_empty_file(self):
        self.assert_refused(self.write("empty.mp4", ""), "empty.mp4")

    def test_folder_without_images(self):
        os.mkdir(self.path("folder"))
        self.write("folder/notes.md", "no image\n")
        self.assert_refused(self.path("folder"), "folder")

    def test_sound_without_pictures(self):
        sound = self.path("sound.wav")
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", sound], check=True)
        self.assert_refused(sound, "sound.wav")

    def test_mp4_cut_before_its_index(self):
        clip = self.clip("clip.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
        os.truncate(clip, os.path.getsize(clip) // 2)
        self.assert_refused(clip, "clip.mp4")

    def test_unknown_test_pattern_key(self):
        self.assert_refused("test:colour=1", "colour")

    def test_16_bits_in_a_video_format(self):
        for video in ("avc1/mp4", "mjpeg/avi"):
            self.assert_refused("test:depth=16,frames=3", video, "npy", "tif", options=["--format", video])


class TruncatedVideo(ToolTest):
    """The sound frames are kept in a sound store; the line and the exit code tell."""

    def check(self, clip, frames):
        os.truncate(clip, os.path.getsize(clip) * 6 // 10)
        result = run(SAVE, "--source", clip, self.path("store"))
        self.assert_fails(result, 1, os.path.basename(clip), "sound and kept")
        info = self.info(self.path("store"))
        self.assertFalse(info["unfinished"])
        self.assertGreater(info["frame_count"], frames // 4)
        self.assertLess(info["frame_count"], frames)
        self.assertIn(f"{info['frame_count']} frames are sound", result.stderr)

    def test_avi(self):
        self.check(self.clip("clip.avi", "-c:v", "mjpeg", frames=100), 100)

    def test_avi_mpeg4(self):
        self.check(self.clip("clip.avi", "-c:v", "mpeg4", "-g", "10", frames=100), 100)

    def test_mp4_with_its_index_in_front(self):
        self.check(self.clip("clip.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
                             frames=100), 100)


class BadDestination(ToolTest):
    def test_existing(self):
        self.write("store", "precious")
        result = run(SAVE, "--source", "test:frames=3", self.path("store"))
        self.assert_fails(result, 1, self.path("store"), "exists")
        with open(self.path("store"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_existing_store_stays_as_it_is(self):
        store = self.save("store")
        before = self.info(store, "--frames")
        self.assert_fails(run(SAVE, "--source", "test:frames=3", store), 1, store, "exists")
        self.assertEqual(self.info(store, "--frames"), before)

    def test_existing_empty_directory_and_dangling_link(self):
        os.mkdir(self.path("empty"))
        os.symlink("nowhere", self.path("link"))
        for name in ("empty", "link"):
            self.assert_fails(run(SAVE, "--source", "test:frames=3", self.path(name)), 1, name, "exists")
        self.assertEqual(os.listdir(self.path("empty")), [])

    def test_no_parent(self):
        self.assert_fails(run(SAVE, "--source", "test:frames=3", self.path("no/store")), 1, self.path("no/store"))
        self.assertEqual(os.listdir(self.dir), [])


class BadMetadata(ToolTest):
    def refused(self, exit_code, *options, words):
        result = run(SAVE, "--source", "test:frames=3", *options, self.path("store"))
        self.assert_fails(result, exit_code, *words)
        self.assertFalse(os.path.exists(self.path("store")))

    def test_files(self):
        self.refused(1, "--metadata-file", self.path("missing.yaml"), words=["missing.yaml", "No such file"])
        self.refused(1, "--metadata-file", self.dir, words=[self.dir, "directory"])
        self.refused(1, "--metadata-file", self.write("list.yaml", "- 1\n- 2\n"), words=["list.yaml", "mapping"])
        self.refused(1, "--metadata-file", self.write("bad.yaml", "a: [1, 2\nb: 3\n"), words=["bad.yaml"])
        self.refused(2, "--metadata-file", self.write("store.yaml", "__store: {version: 2}\n"), words=["__store"])

    def test_options(self):
        self.refused(2, "--metadata", "a=[1, 2", words=["--metadata a"])

    def test_encoder_and_source_options(self):
        self.refused(1, "--encoder-options", "no_such_option=1", words=["no_such_option"])
        for zone in ("Mars/Olympus_Mons", "../../../etc/passwd", "", "Europe"):
            self.refused(2, "--timezone", zone, words=["--timezone", zone])


class BadStore(ToolTest):
    readers = [[INFO]] + ([[ANALYZE]] if ANALYZE else [])

    def refused(self, store, *words):
        for reader in self.readers:
            before = sorted(os.listdir(self.dir))
            self.assert_fails(run(*reader, store), 1, *words)
            self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_missing(self):
        self.refused(self.path("missing"), "missing")
        self.refused(self.path("missing/metadata.yaml"), "missing")

    def test_metadata_without_store(self):
        os.mkdir(self.path("store"))
        self.write("store/metadata.yaml", "genotype: w1118\n")
        self.refused(self.path("store"), "metadata.yaml", "__store")
        self.refused(self.path("store/metadata.yaml"), "metadata.yaml", "__store")

    def test_damaged_metadata(self):
        os.mkdir(self.path("store"))
        for text in ("", "- 1\n", "__store: 5\n", "__store: [1\n", "__store: {version: 2}\n", "\0\1\2"):
            self.write("store/metadata.yaml", text)
            self.refused(self.path("store"), "metadata.yaml")

    def test_another_version(self):
        store = self.save("store")
        with open(os.path.join(store, "metadata.yaml"), encoding="utf-8") as file:
            text = file.read()
        self.write("store/metadata.yaml", text.replace("version: 2", "version: 3"))
        self.refused(store, "3")

    def test_a_file_that_is_no_store(self):
        self.refused(self.write("clip.avi", "RIFF"), "clip.avi")
        self.refused(self.dir, self.dir)


@unittest.skipUnless(ANALYZE, "mm-analyze is not built")
class BadAnalysis(ToolTest):
    def test_roi_outside(self):
        store = self.save("store")
        for roi in ("60,0,10,10", "0,-1,10,10", "0,0,65,10", "0,40,10,10", "0,0,0,0"):
            result = run(ANALYZE, "--roi", roi, store)
            self.assert_fails(result, result.returncode, "roi" if "roi" in result.stderr else "ROI")
            self.assertIn(result.returncode, (1, 2))
            self.assertEqual(os.listdir(self.dir), ["store"])

    def test_roi_that_is_none(self):
        store = self.save("store")
        for roi in ("1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,4x", "", "1.5,2,8,8"):
            self.assert_fails(run(ANALYZE, f"--roi={roi}", store), 2, "--roi")


class SmallFileSystem(ToolTest):
    """A file system of 1 MB; only root can mount it."""

    def setUp(self):
        super().setUp()
        self.mount = self.path("small")
        os.mkdir(self.mount)
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.mount]
        if os.geteuid() != 0 or not shutil.which("mount") or run(*command).returncode != 0:
            self.skipTest("cannot mount a small file system here")
        self.addCleanup(run, "umount", "-l", self.mount)

    def test_full(self):
        for form in FORMATS:
            store = os.path.join(self.mount, form.replace("/", "-"))
            result = run(SAVE, "--source", "test:noise=20", "--format", form, "--chunksize", "20", store)
            self.assert_fails(result, 1)
            self.assertRegex(result.stderr, "No space left on device|disk is full")
            if os.path.exists(store):
                info = self.info(store)
                self.assertIn(f"the {info['frame_count']} frames before are safe", result.stderr)
                self.assertTrue(info["unfinished"])
                shutil.rmtree(store)

    def test_full_from_the_beginning(self):
        with open(os.path.join(self.mount, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        result = run(SAVE, "--source", "test:", "--format", "npy", os.path.join(self.mount, "store"))
        self.assert_fails(result, 1, "No space left on device")

    def test_read_only(self):
        self.assertEqual(run("mount", "-o", "remount,ro", self.mount).returncode, 0)
        result = run(SAVE, "--source", "test:", os.path.join(self.mount, "store"))
        self.assert_fails(result, 1, os.path.join(self.mount, "store"), "Read-only file system")


class ReadOnlyDirectory(ToolTest):
    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_refused(self):
        os.chmod(self.dir, 0o555)
        self.addCleanup(os.chmod, self.dir, 0o755)
        result = run(SAVE, "--source", "test:", self.path("store"))
        self.assert_fails(result, 1, self.path("store"), "Permission denied")


toolkit.main()
