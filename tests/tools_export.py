"""imgstore-export: what other programs read in its files, ranges, and that a file is there whole or not at all."""
import datetime
import glob
import os
import random
import signal
import subprocess
import time
import zoneinfo

import cv2
import numpy

import toolkit
from toolkit import SAVE, ToolTest, run

EXPORT = os.environ.get("IMGSTORE_EXPORT", "imgstore-export")
EDIT = os.environ.get("IMGSTORE_EDIT", "imgstore-edit")
FILES = ["out.npy", "out.tif", "out.mp4", "out.mkv", "out.avi", "out.txt", "out/"]


def probe(path, entries, section="packet"):
    """Values of entries of every packet, or of the stream."""
    text = run("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", f"{section}={entries}", "-of",
               "csv=p=0", path).stdout
    return [line.rstrip(",").split(",") for line in text.split()]


class Export(ToolTest):
    def export(self, store, output, *options):
        """Exports, which must succeed without a word on stderr. Returns the path of the output."""
        result = run(EXPORT, store, self.path(output), *options)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return self.path(output)

    def times_store(self):
        """A store of 30 frames whose frame i has the time that the frame i of the list says, and the list."""
        store = self.save("store", "--format", "npy", source="test:frames=30,size=64x48,rate=30")
        return store, self.info(store, "--frames")["frame_time"]

    # ---- what other programs read ----

    def test_array_stack_and_pictures_are_the_same(self):
        for color, depth in ((0, 8), (1, 8), (0, 16), (1, 16)):
            with self.subTest(color=color, depth=depth):
                source = f"test:frames=12,size=61x47,color={color},depth={depth}"
                store = self.save("store", "--format", "npy", "--chunksize", "5", source=source)
                array = numpy.load(self.export(store, "out.npy"))
                self.assertEqual(array.shape, (12, 47, 61, 3) if color else (12, 47, 61))
                self.assertEqual(array.dtype, numpy.uint16 if depth == 16 else numpy.uint8)
                kept = [numpy.load(path) for path in sorted(glob.glob(store + "/*/*.npy"))]
                numpy.testing.assert_array_equal(array, kept)
                ok, pages = cv2.imreadmulti(self.export(store, "out.tif"), flags=cv2.IMREAD_UNCHANGED)
                self.assertTrue(ok)
                numpy.testing.assert_array_equal(array, pages)
                for images in ("png", "tif"):
                    folder = self.export(store, images, "--images", images)
                    names = sorted(os.listdir(folder))
                    self.assertEqual(names, [f"{i:06}.{images}" for i in range(12)])
                    pictures = [cv2.imread(os.path.join(folder, name), cv2.IMREAD_UNCHANGED) for name in names]
                    numpy.testing.assert_array_equal(array, pictures)
                self.doCleanups()
                self.setUp()

    def test_opencv_reads_the_same_from_videos(self):
        store = self.save("store", "--format", "npy", source="test:frames=40,size=64x48")
        array = numpy.load(self.export(store, "out.npy"))
        for name in ("out.mp4", "out.mkv"):
            with self.subTest(name):
                video = cv2.VideoCapture(self.export(store, name, "--quality", "100"))
                for picture in array:
                    ok, got = video.read()
                    self.assertTrue(ok)
                    numpy.testing.assert_array_equal(got[:, :, 0], picture)
                self.assertFalse(video.read()[0])

    def test_sixteen_bits_in_mkv(self):
        store = self.save("store", "--format", "npy", source="test:frames=5,size=64x48,depth=16")
        array = numpy.load(self.export(store, "out.npy"))
        raw = subprocess.run(["ffmpeg", "-v", "error", "-i", self.export(store, "out.mkv"), "-f", "rawvideo", "-pix_fmt",
                              "gray16le", "-"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        numpy.testing.assert_array_equal(numpy.frombuffer(raw, "<u2").reshape(array.shape), array)
        self.assert_fails(run(EXPORT, store, self.path("out.mp4")), 1, "more than 8 bits", ".mkv")

    def test_true_times(self):
        clip = self.path("vfr.mkv")
        select = "select='not(mod(n,3))+gt(random(7),0.5)'"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=100,{select}",
                        "-frames:v", "60", "-vsync", "vfr", "-c:v", "ffv1", clip], check=True,
                       stdin=subprocess.DEVNULL)
        store = self.save("store", source=clip)
        times = numpy.array(self.info(store, "--frames")["frame_time"])
        self.assertGreater(len(set(numpy.round(numpy.diff(times), 3))), 1)
        for name, precision in (("out.mp4", 2e-6), ("out.mkv", 0.51e-3)):
            shown = numpy.array([float(pts) for pts, in probe(self.export(store, name), "pts_time")])
            self.assertEqual(len(shown), len(times))
            self.assertLess(numpy.abs(shown - (times - times[0])).max(), precision)
        with open(self.export(store, "out.txt"), encoding="ascii") as file:
            title, *lines = file.read().splitlines()
        self.assertEqual(title, "# timecode format v2")
        self.assertLess(numpy.abs(numpy.array([float(line) for line in lines]) / 1000 - (times - times[0])).max(), 1e-6)

    def test_one_rate(self):
        store = self.save("store", source="test:frames=61,size=64x48,rate=20")
        result = run(EXPORT, store, self.path("out.avi"))
        self.assertEqual(result.returncode, 0)
        self.assertIn("one frame rate, 20 frames/s", result.stderr)
        self.assertEqual(probe(self.path("out.avi"), "r_frame_rate,nb_frames", "stream"), [["20/1", "61"]])
        result = run(EXPORT, store, self.path("slow.mp4"), "--rate", "5", "--quiet")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(probe(self.path("slow.mp4"), "r_frame_rate,nb_frames", "stream"), [["5/1", "61"]])

    def test_quality_and_encoder(self):
        store = self.save("store", "--format", "npy", source="test:frames=20,size=96x64,noise=10")
        sizes = [os.path.getsize(self.export(store, f"{quality}.mp4", "--quality", quality))
                 for quality in ("20", "60", "100")]
        self.assertEqual(sizes, sorted(sizes))
        self.export(store, "ffv1.mkv", "--encoder", "ffv1")
        self.assertEqual(probe(self.path("ffv1.mkv"), "codec_name", "stream"), [["ffv1"]])

    def test_odd_sides_are_said(self):
        store = self.save("store", "--format", "npy", source="test:frames=3,size=33x21")
        result = run(EXPORT, store, self.path("out.mp4"))
        self.assertIn("32 x 20 px of 33 x 21", result.stderr)
        self.assertIn("3 frames, 32 x 20 px", result.stdout)

    # ---- ranges ----

    def indexes(self, store, *options):
        """The indexes of the frames that options choose."""
        folder = self.export(store, "out/", "--images", "jpg", *options)
        names = sorted(os.listdir(folder))
        for name in names:
            os.remove(os.path.join(folder, name))
        os.rmdir(folder)
        return [int(name.split(".")[0]) for name in names]

    def test_what_is_left_out_is_said(self):
        store = self.save("store", "--format", "npy", "--chunksize", "10")
        os.remove(f"{store}/.index.sqlite")
        os.remove(f"{store}/000001/index.npz")
        result = run(EXPORT, store, self.path("out.npy"))
        self.assertEqual(result.returncode, 0)
        self.assertIn(f"imgstore-export: {store}: 000001 has no index: its frames are left out", result.stderr)
        self.assertEqual(len(numpy.load(self.path("out.npy"))), 20)

    def test_ranges(self):
        store, times = self.times_store()
        every = list(range(30))
        for text in (":", "5:9", "5:", ":9", "2:20:3", "::7", "29:100", "0:30:100", "3::"):
            first, end, step = (int(part) if part else None for part in (text + ":").split(":")[:3])
            self.assertEqual(self.indexes(store, "--frames", text), every[first:end:step], text)
        self.assertEqual(self.indexes(store, "--numbers", "7:11"), every[7:11])
        self.assertEqual(self.indexes(store, "--numbers", "25:"), every[25:])
        self.assertEqual(self.indexes(store, "--times", f"{times[4]!r}:{times[9]!r}"), every[4:9])
        self.assertEqual(self.indexes(store, "--times", f":{times[9]!r}", "--frames", "5::2"), [5, 7])
        self.assertEqual(self.indexes(store, "--numbers", "3:20", "--frames", "10:"), every[10:20])
        run(EDIT, store, "reindex", "10")
        self.assertEqual(self.indexes(store, "--numbers", "-5:-2"), every[5:8])
        self.assertEqual(self.indexes(store, "--numbers=:-8"), every[:2])

    def test_times_of_the_day(self):
        store = self.save("store", "--format", "npy", "--timezone", "America/St_Johns",
                          source="test:frames=30,size=64x48,rate=10")
        times = self.info(store, "--frames")["frame_time"]
        zone = zoneinfo.ZoneInfo("America/St_Johns")
        for first, end in ((0, 30), (3, 17), (20, 29)):
            # Half a frame before, so that microseconds do not matter.
            moments = [datetime.datetime.fromtimestamp(times[i] - 0.05, zone) if i < 30 else None for i in (first, end)]
            local = [moment.replace(tzinfo=None).isoformat(" ") if moment else "" for moment in moments]
            named = [moment.isoformat() if moment else "" for moment in moments]
            utc = [moment.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z") if moment else ""
                   for moment in moments]
            for pair in (local, named, utc):
                self.assertEqual(self.indexes(store, "--times", ":".join(pair)), list(range(first, end)), pair)

    # ---- whole or not at all ----

    def endless(self):
        """A store that takes long to export."""
        return self.save("long", "--format", "npy", "--chunksize", "2000", source="test:frames=2000,size=160x120")

    def begin(self, store, name):
        """Starts an export and waits until its .part is there, with something in it."""
        process = subprocess.Popen([EXPORT, store, self.path(name)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        part = self.path(name.rstrip("/") + ".part")
        while process.poll() is None and not os.path.exists(part):
            time.sleep(0.0005)
        return process, part

    def test_interrupted(self):
        store = self.endless()
        for number in (signal.SIGINT, signal.SIGTERM):
            for name in ("out.tif", "out.mp4", "out.mkv", "out/"):
                with self.subTest(name, signal=number):
                    process, _ = self.begin(store, name)
                    time.sleep(0.02)
                    process.send_signal(number)
                    stdout, stderr = process.communicate()
                    self.assertEqual((process.returncode, stdout), (1, ""))
                    self.assertRegex(stderr, "^imgstore-export: .*out.*interrupted; nothing was written\n$")
                    self.assertEqual(os.listdir(self.dir), ["long"])

    def test_killed(self):
        store = self.endless()
        choose = random.Random()
        for name in ("out.tif", "out.mp4", "out.mkv", "out/"):
            with self.subTest(name):
                process, part = self.begin(store, name)
                time.sleep(choose.uniform(0, 0.1))
                busy = run(EXPORT, store, self.path(name))
                process.kill()
                process.communicate()
                self.assert_fails(busy, 1, "another export to it is under way")
                self.assertEqual(sorted(os.listdir(self.dir)), ["long", os.path.basename(part)])
                self.export(store, name, "--frames", ":20")
                self.assertEqual(sorted(os.listdir(self.dir)), ["long", name.rstrip("/")])
                if name == "out/":
                    self.assertEqual(len(os.listdir(self.path(name))), 20)
                    break
                os.remove(self.path(name))

    def test_full_disk(self):
        store = self.save("store", "--format", "npy", source="test:frames=60,size=160x120,noise=20")
        full = self.path("full")
        os.mkdir(full)
        script = 'mount -t tmpfs -o size=200k none "$1" && shift && "$@"; code=$?; ls -A "$DIR"; exit $code'
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        if run(*unshare, "sh", "-c", script, "sh", full, "true", env={**os.environ, "DIR": full}).returncode != 0:
            self.skipTest("no file system can be mounted here")
        for name in FILES:
            if name == "out.txt":
                continue
            with self.subTest(name):
                result = run(*unshare, "sh", "-c", script, "sh", full, EXPORT, store, os.path.join(full, name),
                             env={**os.environ, "DIR": full})
                self.assert_fails(result, 1, "No space left on device", "out")  # and ls found nothing

    def test_missing_frames(self):
        store = self.save("store", "--format", "npy", source="test:frames=30,size=64x48")
        os.remove(store + "/000000/000012.npy")
        os.remove(store + "/000000/000020.npy")
        for name in FILES:
            if name == "out.txt":
                continue
            self.assert_fails(run(EXPORT, store, self.path(name)), 1, "frame 12 cannot be read")
            result = run(EXPORT, store, self.path(name), "--skip-missing")
            self.assertEqual(result.returncode, 0)
            self.assertIn("28 frames, 2 skipped", result.stdout)
            self.assertIn("2 frames could not be read and are left out, the first is frame 12", result.stderr)
        self.assertEqual(numpy.load(self.path("out.npy")).shape, (28, 48, 64))

    # ---- bad input ----

    def test_bad_input(self):
        store, _ = self.times_store()
        out = self.path("out.npy")
        os.mkdir(self.path("there"))
        usage = [((store,), "argument"), ((store, out, "more"), "too many"), ((store, ""), "no name"),
                 ((store, self.path("out.gif")), ".npy, .tif", "ending"), ((store, self.path("out")), "ending"),
                 ((store, out, "--images", "gif"), "gif"), ((store, out, "--quality", "0"), "1 to 100"),
                 ((store, out, "--numbers", "5"), "A:B"), ((store, out, "--rate", "0"), "rate"),
                 ((store, out, "--times", "20:10"), "before"), ((store, out, "--no-such"), "no such option")]
        usage += [((store, out, "--frames", text), "A:B:STEP")
                  for text in ("5", "9:5", "a:b", "1:2:0", "1:2:-1", "1:2:3:4", "-3:", "1.5:2", "")]
        usage += [((store, out, "--times", text), "T0:T1")
                  for text in ("5", "a:b", "", "2026-11-20", "2026-11-20 14:03:05", "2026-02-30 14:03:", "nan:",
                               "2026-11-20 14:03:5")]
        for arguments, *words in usage:
            with self.subTest(arguments):
                self.assert_fails(run(EXPORT, *arguments), 2, "--help", *words)
        failures = [((self.path("nothing"), out), "nothing"), ((self.dir, out), self.dir),
                    ((store, self.path("there")), "exists"), ((store, self.path("there/")), "exists"),
                    ((store, self.path("no/such.npy")), "No such file"), ((store, self.path("no/such/")), "No such file"),
                    ((store, out, "--frames", "30:"), "no frame", "30 frames"),
                    ((store, out, "--frames", "5:5"), "no frame"), ((store, out, "--frames", ":0"), "no frame"),
                    ((store, out, "--times", "1:2"), "no frame"),
                    ((store, self.path("out.mp4"), "--encoder", "no_such"), "no_such"),
                    ((store, self.path("out.mp4"), "--encoder-options", "no_such=1"), "no_such")]
        for arguments, *words in failures:
            with self.subTest(arguments):
                self.assert_fails(run(EXPORT, *arguments), 1, *words)
        self.assertEqual(sorted(os.listdir(self.dir)), ["store", "there"])

    def test_a_single_frame(self):
        process = subprocess.run([SAVE, "--source", "test:frames=1,size=64x48", self.path("store")],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(numpy.load(self.export(self.path("store"), "one.npy")).shape, (1, 48, 64))
        for name in ("one.mp4", "one.mkv", "one.avi"):
            run(EXPORT, self.path("store"), self.path(name), "--quiet")
            self.assertEqual(len(probe(self.path(name), "pts_time")), 1)


toolkit.main()
