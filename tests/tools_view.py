"""imgstore-view as a person uses it: keys and mouse on a screen of its own, what is then to be seen; pictures without a
screen; and how fast it is. Each of these three classes is a test of its own."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import cv2
import numpy
import yaml

import toolkit
from toolkit import ANALYZE, SAVE, ToolTest, run

VIEW = os.environ.get("IMGSTORE_VIEW")
EDIT = os.environ.get("IMGSTORE_EDIT")
MOVIE_SPEED = os.environ.get("MOVIE_SPEED")
FILM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data/real/cup.mp4")  # 640 x 480 px
SCREEN = (800, 640)
# Drivers of displays keep memory when they are unloaded; a sanitizer is not to count that.
DRIVERS_LEAK = {"ASAN_OPTIONS": "detect_leaks=0"}
HAS_SCREEN = all(shutil.which(program) for program in ("Xvfb", "xdotool"))
TITLE = re.compile(r".* - (\d+)/(\d+)  number (\d+)  (.*)  [\d.]+ fps - imgstore-view$")


def pixels(store, index, chunksize=20):
    """A frame as it lies in a store of npy, as BGR."""
    frame = numpy.load(f"{store}/{index // chunksize:06}/{index % chunksize:06}.npy")
    return frame if frame.ndim == 3 else numpy.repeat(frame[..., None], 3, axis=2)


class Screen:
    """An X server without a screen; what it shows lies in a file."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="imgstore-screen-")
        read, write = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "%dx%dx24" % SCREEN, "-fbdir", self.dir, "-noreset",
             "-nolisten", "tcp"], pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.env = dict(os.environ, DISPLAY=":" + pipe.readline().strip(), SDL_RENDER_DRIVER="software",
                            **DRIVERS_LEAK)

    def shot(self):
        """The whole screen, BGR. The file is of the format XWD."""
        data = numpy.fromfile(os.path.join(self.dir, "Xvfb_screen0"), dtype=numpy.uint8)
        header = data[:100].view(">u4")
        size, height, stride, colours = (int(header[i]) for i in (0, 5, 12, 19))
        rows = data[size + 12 * colours:][:height * stride].reshape(height, stride // 4, 4)
        return rows[:, :SCREEN[0], :3].copy()

    def close(self):
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Window:
    """imgstore-view on a screen."""

    def __init__(self, screen, *arguments):
        self.screen = screen
        self.process = subprocess.Popen([VIEW, *map(str, arguments)], env=screen.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        self.id = self.x = self.y = None
        self.wait(self.find, "a window")

    def xdotool(self, *arguments):
        return subprocess.run(["xdotool", *map(str, arguments)], env=self.screen.env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, encoding="utf-8").stdout

    def find(self):
        if self.process.poll() is not None:
            raise AssertionError(f"imgstore-view ended: {self.process.communicate()}")
        self.id = self.xdotool("search", "--onlyvisible", "--name", " - imgstore-view$").strip()
        if not self.id or not TITLE.match(self.xdotool("getwindowname", self.id)):
            return False
        place = dict(line.split("=") for line in self.xdotool("getwindowgeometry", "--shell", self.id).split())
        self.x, self.y, self.width, self.height = (int(place[key]) for key in ("X", "Y", "WIDTH", "HEIGHT"))
        return True

    def wait(self, condition, what):
        end = time.monotonic() + 10
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}; the title is {self.title()}")
            time.sleep(0.01)

    def title(self):
        """(index, number of frames, frame number, time)"""
        match = TITLE.match(self.xdotool("getwindowname", self.id).strip("\n")) if self.id else None
        return (int(match[1]), int(match[2]), int(match[3]), match[4]) if match else None

    def index(self):
        return self.title()[0]

    def key(self, *keys):
        self.xdotool("key", "--delay", "1", *keys)

    def keys_lead_to(self, index, *keys):
        self.key(*keys)
        self.wait(lambda: self.index() == index, f"frame {index} after {keys}")

    def type(self, text):
        self.xdotool("type", "--delay", "1", text)

    def move(self, x, y):
        self.xdotool("mousemove", self.x + x, self.y + y)

    # The pointer covers what it points at, so it leaves when it is done.
    def away(self):
        return ("mousemove", self.x + 2, self.y + self.height - 2)

    def click(self, x, y, button=1):
        self.xdotool("mousemove", self.x + x, self.y + y, "click", button, *self.away())

    def drag(self, x, y, to_x, to_y, button=1):
        """Like a hand: some steps on the way."""
        steps = [part for i in range(1, 5) for part in
                 ("mousemove", self.x + x + (to_x - x) * i // 4, self.y + y + (to_y - y) * i // 4, "sleep", "0.02")]
        self.xdotool("mousemove", self.x + x, self.y + y, "mousedown", button, *steps, "mouseup", button,
                     *self.away())

    def shot(self):
        return self.screen.shot()[self.y:self.y + self.height, self.x:self.x + self.width]

    def see(self, condition, what):
        """Waits until the window looks as it should, for what is drawn comes a little after the title."""
        self.wait(lambda: condition(self.shot()), what)

    def quit(self, key="q"):
        self.key(key)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out + err

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def place_of(picture, shot):
    """Where the picture is to be seen, exactly and nothing over it: (x, y) or None."""
    score = cv2.matchTemplate(shot, picture, cv2.TM_SQDIFF)
    y, x = numpy.unravel_index(score.argmin(), score.shape)
    same = numpy.array_equal(shot[y:y + picture.shape[0], x:x + picture.shape[1]], picture)
    return (int(x), int(y)) if same else None


class ViewTest(ToolTest):
    def store(self, name="store", options="frames=60,size=320x240", *more):
        return self.save(name, "--format", "npy", "--chunksize", "20", *more, source="test:" + options)

    def export(self, *arguments):
        result = run(VIEW, "--export", self.path("out.png"), *arguments)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(glob.glob(self.path("*.part")), [])
        return cv2.imread(self.path("out.png"))


class WithoutScreen(ViewTest):
    def test_one_clear_line(self):
        env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        result = run(VIEW, self.store(), env=env, timeout=20)
        self.assert_fails(result, 1, "display", "--export", "--contact-sheet")
        self.assert_fails(run(VIEW, self.path("store"), env=dict(env, DISPLAY=":12345", **DRIVERS_LEAK),
                              timeout=20), 1, "display")

    def test_what_is_refused(self):
        store = self.store()
        self.write("table.csv", "a,b\n1,2\n")
        out = ["--export", self.path("out.png")]
        for arguments, code, *words in [
            ([*out, self.path("nothing")], 1, "nothing"),
            ([*out, self.dir + "/store/000000"], 1, "no store"),
            ([*out, "--frame", "60", store], 1, "60", "last is 59"),
            (["--export", self.path("out.jpg"), store], 2, ".png"),
            (["--contact-sheet", "4", store], 2, "sheet"),
            (["--contact-sheet", "4", self.path("out.png"), store, store], 2, "2"),
            ([*out, "--map", "jet", store], 2, "jet", "viridis"),
            ([*out, "--contrast", "high", store], 2, "high"),
            ([*out, "--align", "colour", store], 2, "colour"),
            ([*out, "--size", "huge", store], 2, "huge"),
            ([*out, "--layers", "heat,hot", store], 2, "heat,hot", "arrows"),
            ([*out, "--tracks", self.path("table.csv"), store], 1, "settings.json"),
            ([*out, "--rois", self.path("none.yaml"), store], 1, "none.yaml"),
            ([], 2, "--help"),
        ]:
            self.assert_fails(run(VIEW, *arguments), code, *words)
        self.assertFalse(os.path.exists(self.path("out.png")))

    def test_export(self):
        store = self.store()
        for index in (0, 37, 59):
            numpy.testing.assert_array_equal(self.export("--frame", index, store), pixels(store, index))
        with_status = self.export("--frame", 37, "--status", store)
        numpy.testing.assert_array_equal(with_status[:240], pixels(store, 37))
        self.assertGreater(with_status[258:].max(), 200)  # letters
        twice = self.export("--frame", 37, "--size", "640x480", store)
        numpy.testing.assert_array_equal(twice, pixels(store, 37).repeat(2, axis=0).repeat(2, axis=1))
        half = self.export("--frame", 37, "--size", "160x120", store)
        mean = pixels(store, 37).reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))
        self.assertLessEqual(numpy.abs(half - mean).max(), 0.5)

    def test_bar(self):
        """Ticks between chunks, red where one is missing."""
        store = self.store(options="frames=80,size=320x240")
        whole = self.export("--frame", 40, "--status", store)[245]
        ticks = [x for x in range(320) if (whole[x] == 130).all()]
        self.assertEqual(ticks, [319 * first // 79 for first in (20, 60)])  # at 40 is where we are
        self.assertTrue((whole[319 * 40 // 79] == 255).all())
        shutil.rmtree(store + "/000001")
        for index in glob.glob(store + "/.index*"):
            os.remove(index)
        gap = self.export("--frame", 0, "--status", store)[245].astype(int)
        red = [x for x in range(320) if gap[x][2] > gap[x][1] + 100]
        self.assertTrue(red and abs(red[0] - 319 * 20 // 59) <= 1, red)

    def test_contrast_and_colours(self):
        store = self.store(options="frames=2,size=320x240,contrast=20")
        gray = pixels(store, 0)[..., 0].astype(int)
        low, high = gray.min(), gray.max()
        def stretched(low, high):
            level = ((gray - low) * 255 + (high - low) // 2) // (high - low)
            return numpy.where(gray <= low, 0, numpy.where(gray >= high, 255, level))
        numpy.testing.assert_array_equal(self.export("--contrast", "auto", store)[..., 0], stretched(low, high))
        for fixed in ("100:140", "100..140"):
            numpy.testing.assert_array_equal(self.export("--contrast", fixed, store)[..., 0], stretched(100, 140))
        low_percent, high_percent = (numpy.sort(gray, axis=None)[gray.size * part // 100] for part in (5, 60))
        numpy.testing.assert_array_equal(self.export("--contrast", "5%..60%", store)[..., 0],
                                         stretched(low_percent, high_percent))
        cut = self.export("--contrast", "5%", store)[..., 0]
        for end in (0, 255):
            self.assertLess(abs((cut == end).mean() - 0.05), 0.03)
        for name, ends in {"viridis": [(84, 1, 68), (37, 231, 253)], "magma": [(4, 0, 0), (191, 253, 252)],
                           "inferno": [(4, 0, 0), (164, 255, 252)]}.items():
            coloured = self.export("--contrast", "auto", "--map", name, store)
            for value, colour in zip((low, high), ends):
                self.assertEqual({tuple(c) for c in coloured[gray == value]}, {colour}, name)

    def test_16_bits(self):
        store = self.store(options="frames=2,size=320x240,depth=16")
        deep = numpy.load(store + "/000000/000001.npy").astype(int)
        self.assertEqual(deep.dtype.kind, "i")
        shown = self.export("--contrast", "full", "--frame", 1, store)[..., 0].astype(int)
        self.assertLessEqual(numpy.abs(shown - deep / 257).max(), 0.51)
        # Of 12 bits in 16 the whole range would be black.
        shown = self.export("--frame", 1, store)[..., 0].astype(int)
        stretched = (deep - deep.min()) * 255 / (deep.max() - deep.min())
        self.assertLessEqual(numpy.abs(shown - stretched).max(), 0.51)

    def test_plain_files(self):
        """A video and a TIFF stack, and nothing beside them afterwards."""
        clip = self.clip("clip.mkv", "-c:v", "ffv1", "-pix_fmt", "bgr0", frames=30, size="320x240")
        video = cv2.VideoCapture(clip)
        stack = [video.read()[1] for _ in range(30)]
        cv2.imwritemulti(self.path("stack.tif"), [frame[..., 1] for frame in stack])
        before = sorted(os.listdir(self.dir))
        for index in (29, 3):
            numpy.testing.assert_array_equal(self.export("--frame", index, clip), stack[index])
            numpy.testing.assert_array_equal(self.export("--frame", index, self.path("stack.tif"))[..., 1],
                                             stack[index][..., 1])
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(before + ["out.png"]))
        # What is recorded from the file without loss is the same.
        lossy = self.clip("lossy.mp4", "-pix_fmt", "yuv420p", frames=30, size="320x240")
        store = self.save("store", "--format", "npy", "--chunksize", "20", source=lossy)
        for index in (25, 0, 11):
            numpy.testing.assert_array_equal(self.export("--frame", index, lossy), pixels(store, index))
        self.assertEqual(self.info(clip)["frame_count"], 30)
        self.assert_fails(run(VIEW, "--export", self.path("x.png"), self.write("bad.mp4", "no video")), 1, "bad.mp4")

    def test_analyze_reads_plain_files(self):
        clip = self.clip("clip.mp4", "-pix_fmt", "yuv420p")
        result = run(ANALYZE, "--roi", "40,30,32,32", clip)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(clip + "-movement/movement.csv", encoding="utf-8") as file:
            rows = [line.split(",") for line in file][1:]
        self.assertEqual([row[:3] for row in rows[:3]], [["0", "0", "0"], ["1", "1", "0.04"], ["2", "2", "0.08"]])
        self.assertEqual(len(rows), 50)

    def test_contact_sheet(self):
        store = self.store()
        sheet = self.path("sheet.png")
        result = run(VIEW, "--contact-sheet", "9", sheet, store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        picture = cv2.imread(sheet)
        height, width = (side // 3 for side in picture.shape[:2])
        for i in range(9):
            cell = picture[i // 3 * height:][:height, i % 3 * width:][:, :width]
            self.assertIsNotNone(place_of(pixels(store, 59 * i // 8), cell), i)
        # More pictures than frames: each once.
        few = self.store("few", "frames=3,size=320x240")
        run(VIEW, "--contact-sheet", "100", sheet, few)
        self.assertEqual(cv2.imread(sheet).shape[1], 2 * 326)

    def test_side_by_side(self):
        os.mkdir(self.path("a"))
        left = self.store("a/left", "frames=60,size=320x240,seed=1")
        right = self.store("a/right", "frames=60,size=320x240,seed=2")
        def halves(*arguments):
            picture = self.export(*arguments)
            self.assertGreater(picture.shape[0], 240 + 10)
            return picture[-240:, :320], picture[-240:, 320:]  # below the names
        for recordings in ([left, right], [self.path("a")]):
            for half, store in zip(halves("--frame", 12, *recordings), (left, right)):
                numpy.testing.assert_array_equal(half, pixels(store, 12))
        # Two recordings of which one began 20 frames after the other.
        stores = []
        for name, began in (("early", "14:03:05.0"), ("late", "14:03:05.8")):
            clip = self.clip(name + ".mkv", "-c:v", "ffv1", "-metadata", f"creation_time=2026-11-20T{began}Z", frames=60,
                             size="320x240")
            stores.append(self.save(name, "--format", "npy", "--chunksize", "20", source=clip))
        early, late = stores
        numpy.testing.assert_array_equal(halves("--frame", 25, *stores)[1], pixels(late, 25))
        numpy.testing.assert_array_equal(halves("--align", "time", "--frame", 25, *stores)[1], pixels(late, 5))
        self.assertEqual(run(EDIT, early, "reindex", "20").returncode, 0)
        numpy.testing.assert_array_equal(halves("--align", "number", "--frame", 25, *stores)[1], pixels(late, 5))

    def tracks(self, store, *places):
        rois = [part for place in places for part in ("--roi", ",".join(map(str, place)))]
        self.assertEqual(run(ANALYZE, *rois, store).returncode, 0)
        table = store + "-movement/movement.csv"
        with open(table, encoding="utf-8") as file:
            rows = [line.split(",") for line in file][1:]
        motion = numpy.array([[float(row[4]), float(row[5])] for row in rows]).reshape(-1, len(places), 2)
        return table, motion

    def test_tracks(self):
        store = self.store(options="frames=60,size=320x240,amplitude=15,period=30")
        places = [(60, 60, 40, 40), (200, 120, 48, 48)]
        table, motion = self.tracks(store, *places)
        plain = pixels(store, 8).astype(int)
        def changed(*layers):
            picture = self.export("--frame", 8, "--tracks", table, "--layers", ",".join(layers), store).astype(int)
            return numpy.abs(picture - plain).max(axis=2) > 8
        def around(x, y):
            return slice(round(y) - 2, round(y) + 3), slice(round(x) - 2, round(x) + 3)
        boxes, paths, arrows, heat = (changed(layer) for layer in ("boxes", "paths", "arrows", "heat"))
        self.assertFalse(changed("").any())
        for (x, y, width, height), (dx, dy) in zip(places, motion[8]):
            self.assertGreater(numpy.hypot(dx, dy), 10)
            # The box has moved with its feature; it is empty, and nothing is where it was.
            for corner in ((x + dx, y + dy), (x + dx + width, y + dy + height)):
                self.assertTrue(boxes[around(*corner)].any())
            self.assertFalse(boxes[around(x + dx + width / 2, y + dy + height / 2)].any())
            # The path leads from the middle over every frame; the arrow straight to the end.
            middle = numpy.array([x + width / 2, y + height / 2])
            for way in motion[:9, places.index((x, y, width, height))]:
                self.assertTrue(paths[around(*(middle + way))].any())
            factor = 1
            while factor * 2 * numpy.nanmax(numpy.hypot(*motion.T)) <= 100:
                factor *= 2
            for part in (0.25, 0.5, 0.75):
                self.assertTrue(arrows[around(*(middle + part * factor * numpy.array([dx, dy])))].any())
            self.assertGreater(heat[y + 2:y + height - 2, x + 2:x + width - 2].mean(), 0.9)
        self.assertLess(heat.sum(), 1.1 * (40 * 40 + 48 * 48))
        # Warmer where it moved farther.
        def warmth(frame):
            picture = self.export("--frame", frame, "--tracks", table, "--layers", "heat", store)
            return picture[70:90, 70:90, 2].astype(int).mean()
        order = numpy.argsort(numpy.hypot(*motion[:, 0].T))
        self.assertGreater(warmth(order[-1]), warmth(order[0]) + 40)

    def test_tracks_that_do_not_fit(self):
        store = self.store(options="frames=4,size=320x240")
        table, _ = self.tracks(store, (60, 60, 40, 40))
        settings_path = store + "-movement/settings.json"
        with open(settings_path, encoding="utf-8") as file:
            settings = json.load(file)
        def refuse(*words):
            with open(settings_path, "w", encoding="utf-8") as file:
                json.dump(settings, file)
            self.assert_fails(run(VIEW, "--export", self.path("x.png"), "--tracks", table, store), 1, *words)
        settings["frames"]["end"] = 10 ** 9
        refuse("GiB", "1000000000 frames")
        settings["frames"] = {"first": 2, "end": 4}
        refuse("line 2")
        del settings["rois"]
        refuse("settings.json", "mm-analyze")


class Speed(ViewTest):
    def test_speed(self):
        """10,000 frames as imgstore-save writes them unless told otherwise: a drag along the bar has 50 ms for each
        step, playing 60 frames a second. Other work may share this machine."""
        store = self.save("store", "--frames", "200", source=FILM)
        subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "49", "-i", store + "/000000.mp4", "-c", "copy",
                        self.path("long.mp4")], check=True, stdin=subprocess.DEVNULL)
        self.assertEqual(self.info(self.path("long.mp4"))["frame_count"], 10000)
        result = run(MOVIE_SPEED, self.path("long.mp4"))
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stderr)
        figures = {words[0]: dict(zip(words[1::2], map(float, words[2::2])))
                   for words in map(str.split, result.stdout.splitlines())}
        for way in ("drag", "back"):
            self.assertLess(figures[way]["median_ms"], 50)
            self.assertLess(figures[way]["p95_ms"], 150)
        self.assertGreater(figures["play"]["in_time"], 0.8 * figures["play"]["frames"])


@unittest.skipUnless(HAS_SCREEN, "Xvfb and xdotool are not installed")
class OnScreen(ViewTest):
    @classmethod
    def setUpClass(cls):
        cls.screen = Screen()

    @classmethod
    def tearDownClass(cls):
        cls.screen.close()

    def open(self, *arguments):
        window = Window(self.screen, *arguments)
        self.addCleanup(window.kill)
        return window

    def open_plainly(self, store, *arguments):
        """The picture one to one, and where it is in the window."""
        window = self.open("--size", "640x560", *arguments, store)
        window.key("1")
        places = []
        def is_there(shot):
            places[:] = [place_of(pixels(store, window.index()), shot)]
            return places[0] is not None
        window.see(is_there, "the frame, one to one")
        return window, places[0]

    def test_keys(self):
        clip = self.clip("clip.mp4", "-metadata", "creation_time=2026-11-20T14:03:05Z", frames=60, size="320x240")
        store = self.save("store", "--format", "npy", "--chunksize", "20", "--timezone", "Europe/Berlin", source=clip)
        window = self.open("--frame", "5", store)
        self.assertEqual(window.title()[:3], (5, 60, 5))
        for index, *keys in [(6, "Right"), (16, "shift+Right"), (41, "ctrl+Right"), (40, "Left"), (30, "shift+Left"),
                             (5, "ctrl+Left"), (0, "shift+Left"), (59, "End"), (59, "Right"), (40, "Prior"),
                             (20, "Prior"), (40, "Next"), (59, "Next"), (0, "Home"), (33, "g", "3", "3", "Return"),
                             (34, "g", "numbersign", "3", "4", "Return"), (34, "g", "5", "Escape"),
                             (7, "g", "9", "BackSpace", "7", "KP_Enter")]:
            window.keys_lead_to(index, *keys)
        clock = window.title()[3]
        self.assertEqual(clock, "2026-11-20 15:03:05.280")
        window.keys_lead_to(0, "Home")
        for text in (clock, clock.split()[1], "0.28s"):
            window.keys_lead_to(50, "g", "5", "0", "Return")
            window.key("g")
            window.type(text)
            window.keys_lead_to(7, "Return")
        # What is not there is said, and changes nothing.
        hint = window.shot()[:18].copy()
        window.key("g", "9", "9", "Return")
        window.see(lambda shot: (shot[:18] != hint).any(), "a line that says so")
        self.assertEqual(window.index(), 7)
        self.assertEqual(window.quit(), (0, ""))

    def test_playing(self):
        window = self.open(self.store(options="frames=60,size=320x240,rate=30"))
        def moves():
            before = window.index()
            time.sleep(0.15)
            return window.index() != before
        self.assertFalse(moves())
        window.key("space")
        window.wait(lambda: window.index() > 5, "a frame while playing")
        window.key("space")
        self.assertFalse(moves() and moves())
        # Faster: 60 frames of 2 s go by in an eighth; at the end it stands.
        window.keys_lead_to(0, "Home")
        begin = time.monotonic()
        window.keys_lead_to(59, "bracketright", "bracketright", "Up", "space")
        self.assertLess(time.monotonic() - begin, 1.8)
        self.assertFalse(moves())
        # In a loop it begins again, and slower.
        window.key("bracketleft", "bracketleft", "Down", "l", "space")
        window.wait(lambda: 0 <= window.index() < 50, "the loop")
        self.assertTrue(moves())
        self.assertEqual(window.quit("Escape"), (0, ""))

    def test_a_pause_is_not_waited_for(self):
        """40 frames at 25 a second, and 100 s of nothing in the middle."""
        clip = self.clip("clip.mkv", "-c:v", "ffv1", "-vf", "setpts='(N/25+gte(N,20)*100)/TB'", "-fps_mode", "vfr",
                         frames=40, size="160x120")
        window = self.open("--play", clip)
        self.assertEqual(window.title()[1], 40)
        self.assertIn(" 25.00 fps", window.xdotool("getwindowname", window.id))
        window.wait(lambda: window.index() == 39, "the end")
        self.assertEqual(window.title()[3], "101.560000 s")
        self.assertEqual(window.quit(), (0, ""))

    def test_bar(self):
        window = self.open("--size", "640x560", self.store())
        y = window.height - 60
        window.wait(lambda: window.click(320, y) or abs(window.index() - 30) <= 1, "the middle")
        window.drag(320, y, 639, y + 300)  # the mouse may leave the bar
        window.wait(lambda: window.index() == 59, "the end")
        window.drag(500, y, 64, y)
        window.wait(lambda: abs(window.index() - 6) <= 1, "a tenth")
        # Who plays goes on playing from there.
        window.key("bracketleft", "bracketleft", "space")
        window.click(320, y)
        window.wait(lambda: 32 <= window.index() < 59, "frames behind the middle")
        self.assertEqual(window.quit(), (0, ""))

    def test_picture(self):
        """Zoom, move, fit; the value under the pointer; contrast and colours."""
        store = self.store()
        window, (x, y) = self.open_plainly(store, "--frame", "21")
        picture = pixels(store, 21)
        window.drag(x + 100, y + 100, x + 130, y + 80)
        window.see(lambda shot: place_of(picture, shot) == (x + 30, y - 20), "the picture where it was dragged")
        window.drag(x + 130, y + 80, x + 100, y + 100, button=3)
        window.see(lambda shot: place_of(picture, shot) == (x, y), "the picture back")
        # The point under the pointer stays, what is around it grows.
        px, py = 100, 60
        without = window.shot()[-20:]
        window.move(x + px, y + py)
        window.see(lambda shot: (shot[-20:] != without).any(), "the value under the pointer")
        status = window.shot()[-20:]
        window.xdotool("click", "--repeat", "3", "--delay", "1", "4")
        zoom = 1.25 ** 3
        columns, rows = numpy.arange(-60, 61), numpy.arange(-40, 41)
        expected = picture[(py + 0.5 + rows / zoom).astype(int)][:, (px + 0.5 + columns / zoom).astype(int)]
        def is_zoomed(shot):
            part = shot[y + py - 40:y + py + 41, x + px - 60:x + px + 61]
            return numpy.abs(part.astype(int) - expected).mean() < 8  # 40 for any other place or zoom
        window.see(is_zoomed, "the zoomed picture")
        self.assertTrue((window.shot()[-20:] == status).all())  # the same value, for the same point
        window.move(x + px + 40, y + py)
        window.see(lambda shot: (shot[-20:] != status).any(), "another value")
        window.move(5, window.height - 5)
        window.key("f")
        twice = picture.repeat(2, axis=0).repeat(2, axis=1)
        window.see(lambda shot: place_of(twice, shot) is not None, "the picture as large as fits")
        window.key("1", "m")
        window.see(lambda shot: place_of(picture, shot) is None, "another colour map")
        window.key("m", "m", "m", "c")
        gray = picture[..., 0].astype(int)
        low, high = gray.min(), gray.max()
        level = (((gray - low) * 255 + (high - low) // 2) // (high - low)).astype(numpy.uint8)
        window.see(lambda shot: place_of(numpy.repeat(level[..., None], 3, axis=2), shot), "the contrast of the frame")
        self.assertEqual(window.quit(), (0, ""))

    def test_contrast(self):
        """Of 8 and 16 bits side by side: the kind, the ends by keys and wheel, a range that is typed."""
        stores = [self.store("eight", "frames=2,size=240x200"), self.store("deep", "frames=2,size=240x200,depth=16")]
        samples = [numpy.load(store + "/000000/000000.npy").astype(int) for store in stores]
        window = self.open("--size", "640x480", *stores)
        window.key("1")
        def shows(*ranges):
            def condition(shot):
                for gray, (low, high), half in zip(samples, ranges, (shot[:, :320], shot[:, 320:])):
                    level = ((gray - low) * 255 + (high - low) // 2) // (high - low)
                    level = numpy.where(gray <= low, 0, numpy.where(gray >= high, 255, level)).astype(numpy.uint8)
                    if not place_of(numpy.repeat(level[..., None], 3, axis=2), half):
                        return False
                return True
            window.see(condition, f"the contrasts {ranges}")
        def percentiles(*percents):
            return [[int(numpy.sort(gray, axis=None)[gray.size * percent // 100]) for percent in percents]
                    for gray in samples]
        def move(ends, low=0, high=0):
            step = max(1, (ends[1] - ends[0]) // 32)
            return ends[0] + low * step, ends[1] + high * step
        extremes = [(gray.min(), gray.max()) for gray in samples]
        shows((0, 255), extremes[1])
        window.key("c")
        shows(*extremes)
        window.key("4")
        ends = [move(pair, low=1) for pair in extremes]
        shows(*ends)
        window.key("5", "5")
        ends = [move(move(pair, high=-1), high=-1) for pair in ends]
        shows(*ends)
        window.key("3", "6")
        ends = [move(move(pair, low=-1), high=1) for pair in ends]
        shows(*ends)
        # The wheel is for the recording that it is over.
        window.xdotool("mousemove", window.x + 480, window.y + 200, "keydown", "shift", "click", 4, "keyup", "shift",
                       "keydown", "ctrl", "click", 5, "keyup", "ctrl")
        ends[1] = move(move(ends[1], low=1), high=-1)
        shows(*ends)
        for text, ranges in [("40..180", [(40, 180)] * 2), ("20 30000", [(20, 30000)] * 2),
                             ("10%..90%", percentiles(10, 90)), ("full", [(0, 255), (0, 65535)])]:
            window.key("shift+c")
            window.type(text)
            window.key("Return")
            shows(*ranges)
        before = window.shot()
        window.key("shift+c")
        window.type("bright")
        window.key("Return")
        window.see(lambda shot: (shot[:18] != before[:18]).any(), "a line that says what is wrong")
        shows((0, 255), (0, 65535))
        window.key("F1")
        window.see(lambda shot: (shot[100:400] != before[100:400]).any(), "the keys")
        window.key("Escape")
        shows((0, 255), (0, 65535))
        self.assertEqual(window.quit(), (0, ""))

    def rois(self, path):
        with open(path, encoding="utf-8") as file:
            return yaml.safe_load(file)["rois"]

    def save_rois(self, window, path):
        if os.path.exists(path):
            os.remove(path)
        window.key("s")
        window.wait(lambda: os.path.exists(path), "the saved file")
        return self.rois(path)

    def test_rois(self):
        store = self.store()
        path = self.path("rois.yaml")
        window, (x, y) = self.open_plainly(store, "--save-rois", path)
        def drag(x0, y0, x1, y1):
            window.drag(x + x0, y + y0, x + x1, y + y1)
        window.key("r")
        drag(20, 30, 60, 80)
        lid = {"x": 20, "y": 30, "width": 40, "height": 50}
        self.assertEqual(self.save_rois(window, path), [lid])
        # Its outline is to be seen.
        window.see(lambda shot: (shot[y + 30, x + 22:x + 58] != pixels(store, 0)[30, 22:58]).any(axis=1).all(),
                   "the outline")
        window.key("e")
        drag(100, 20, 180, 100)
        ellipse = self.save_rois(window, path)[1:]
        self.assertEqual({roi["group"] for roi in ellipse}, {"ellipse-1"})
        self.assertEqual({(roi["width"], roi["height"]) for roi in ellipse}, {(16, 16)})
        self.assertTrue(12 < len(ellipse) < 25)
        for roi in ellipse:
            self.assertLessEqual(numpy.hypot(roi["x"] + 8 - 140, roi["y"] + 8 - 60), 40.01)
        window.key("i")
        drag(20, 200, 150, 200)
        line = [roi for roi in self.save_rois(window, path) if roi.get("group") == "line-1"]
        self.assertGreaterEqual(len(line), 7)
        self.assertTrue(all(abs(roi["y"] + 8 - 200) <= 8 for roi in line))
        window.key("b", "period", "period")
        drag(200, 140, 260, 200)
        grid = [roi for roi in self.save_rois(window, path) if roi.get("group") == "grid-1"]
        self.assertEqual(grid, [{"x": 200 + 24 * i, "y": 140 + 24 * j, "width": 24, "height": 24, "group": "grid-1"}
                                for j in range(2) for i in range(2)])
        everything = self.rois(path)
        window.key("Escape")  # ends drawing, not the window
        # A block drags its group along; the picture's border stops it.
        drag(210, 150, 310, 160)
        moved = [roi for roi in self.save_rois(window, path) if roi.get("group") == "grid-1"]
        self.assertEqual([(roi["x"], roi["y"]) for roi in moved], [(272, 150), (296, 150), (272, 174), (296, 174)])
        window.key("u")
        self.assertEqual(self.save_rois(window, path), everything)
        window.key("shift+u")
        self.assertNotEqual(self.save_rois(window, path), everything)
        window.key("ctrl+z")
        self.assertEqual(self.save_rois(window, path), everything)
        window.click(x + 40, y + 50)
        window.key("Delete")
        self.assertEqual(self.save_rois(window, path), everything[1:])
        window.key("ctrl+z", "ctrl+y", "ctrl+z")
        self.assertEqual(self.save_rois(window, path), everything)
        # Who goes without saving is asked once.
        window.key("u")
        window.key("q")
        time.sleep(0.2)
        self.assertIsNone(window.process.poll())
        self.assertEqual(window.quit(), (0, ""))
        self.assertEqual(self.rois(path), everything)
        self.assertEqual(glob.glob(self.path("*.part")), [])
        # What was drawn is what is measured, and what is opened again.
        result = run(ANALYZE, "--rois", path, "--frames", "0:2", store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn(f"{len(everything)} ROIs", result.stdout)
        changed = (self.export("--rois", path, store) != pixels(store, 0)).any(axis=2)
        for roi in everything:
            self.assertTrue(changed[roi["y"], roi["x"]:roi["x"] + roi["width"]].all())

    def test_saved_rois_are_there_again(self):
        store = self.store(options="frames=2,size=320x240")
        path = store + "-rois.yaml"
        for count in (1, 2):
            window, (x, y) = self.open_plainly(store + "/") if count == 1 else (self.open("--size", "640x560", store),
                                                                                 (x, y))
            window.key("1", "r")
            window.drag(x + 60 * count, y + 90, x + 60 * count + 40, y + 130)
            window.key("s")
            window.wait(lambda: os.path.exists(path) and len(self.rois(path)) == count, f"{count} ROIs in the file")
            self.assertEqual(window.quit(), (0, ""))
        self.assertEqual([roi["x"] for roi in self.rois(path)], [60, 120])

    def test_tracks(self):
        store = self.store(options="frames=60,size=320x240,amplitude=12,period=30")
        self.assertEqual(run(ANALYZE, "--roi", "100,80,48,48", store).returncode, 0)
        window = self.open("--size", "640x560", "--tracks", store + "-movement/movement.csv", "--frame", "10", store)
        for keys in (["o"], ["p"], ["p"], ["p"], ["plus"], ["minus"], ["a"], ["h"]):
            if keys == ["p"]:
                window.keys_lead_to(59, "End")  # so far differs from the last two seconds
            before = window.shot()
            window.key(*keys)
            window.see(lambda shot: (shot != before).any(), f"a change by {keys}")
        self.assertEqual(window.quit(), (0, ""))

    def test_preview(self):
        """imgstore-save --preview: the window follows at the end, and goes with the recording."""
        saving = subprocess.Popen([SAVE, "--quiet", "--source", "test:live=1,rate=30,size=160x120", "--preview", self.path("live")], env=self.screen.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        search = ["xdotool", "search", "--onlyvisible", "--name", "live - .* - imgstore-view$"]
        seen = 0
        end = time.monotonic() + 20
        while saving.poll() is None and seen < 10 and time.monotonic() < end:
            for window in run(*search, env=self.screen.env).stdout.split():
                title = TITLE.match(run("xdotool", "getwindowname", window, env=self.screen.env).stdout.strip("\n"))
                seen = max(seen, int(title.group(1)) if title else 0)
            time.sleep(0.02)
        saving.send_signal(signal.SIGINT)
        self.assertEqual((saving.communicate(), saving.returncode), (("", ""), 0))
        self.assertGreaterEqual(seen, 10)
        self.assertEqual(run(*search, env=self.screen.env).stdout, "")

    def test_following(self):
        live = subprocess.Popen([SAVE, "--quiet", "--source", "test:live=1,rate=30,frames=100000,size=160x120",
                                 "--format", "npy", "--chunksize", "20", self.path("live")],
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            end = time.monotonic() + 10
            while run(toolkit.INFO, self.path("live")).returncode != 0 and time.monotonic() < end:
                time.sleep(0.05)
            window = self.open("--follow", self.path("live"))
            window.key("End")
            first = window.title()
            window.wait(lambda: window.title()[1] > first[1] + 20, "more frames")
            index, count = window.title()[:2]
            self.assertGreaterEqual(index, count - 2)
            # Who looks at another place is left there.
            window.keys_lead_to(3, "g", "3", "Return")
            time.sleep(0.5)
            self.assertEqual(window.index(), 3)
            self.assertEqual(window.quit(), (0, ""))
        finally:
            live.terminate()
            live.communicate()

    def test_following_a_ring(self):
        """Who stands at a frame stays with it while older ones are removed, until it is removed too."""
        live = subprocess.Popen([SAVE, "--quiet", "--source", "test:live=1,rate=30,frames=100000,size=160x120",
                                 "--keep", "3s", self.path("live")], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            end = time.monotonic() + 10
            while run(toolkit.INFO, self.path("live")).returncode != 0 and time.monotonic() < end:
                time.sleep(0.05)
            window = self.open("--follow", self.path("live"))
            window.key("End")
            window.wait(lambda: window.title()[2] > 150, "frames, and that the first are removed")
            window.key("Left")
            first = window.title()
            window.wait(lambda: window.title()[0] < first[0] - 20, "older frames are removed")
            self.assertEqual(window.title()[2], first[2])
            window.wait(lambda: window.title()[2] > first[2], "that frame is removed too")
            self.assertEqual(window.index(), 0)
            self.assertLess(window.title()[1], 150)
            self.assertEqual(window.quit(), (0, ""))
        finally:
            live.terminate()
            live.communicate()


if __name__ == "__main__":
    toolkit.main()
