"""imgstore-save from the network: files over http, cameras over http and rtsp, and servers that fail on the way."""
import contextlib
import functools
import http.server
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

import cv2
import numpy

import rtsp_server
import toolkit
from toolkit import INFO, SAVE, ToolTest, run

try:
    rtsp_server.load()
    NO_RTSP = None
except ImportError as error:
    NO_RTSP = f"there is no RTSP server: {error}; the README names its packages"


class Handler(http.server.SimpleHTTPRequestHandler):
    """A directory of files; /stall/NAME stops after half of the file, /slow/NAME takes its time, /camera has no end."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        kind, _, name = self.path[1:].partition("/")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if kind == "camera":
                self.send_pictures()
            elif name:
                self.send_parts(kind, os.path.join(self.directory, name))
            else:
                super().do_GET()

    def send_parts(self, kind, path):
        with open(path, "rb") as file:
            data = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if kind == "stall":
            self.wfile.write(data[:len(data) // 2])
            self.server.stopped.wait()
            return
        for i in range(8):
            self.wfile.write(data[len(data) * i // 8:len(data) * (i + 1) // 8])
            time.sleep(0.4)

    def send_pictures(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        while not self.server.stopped.is_set():
            picture = rtsp_server.picture_of(rtsp_server.wait_for_next(self.server.begin))
            jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
            self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            self.wfile.write(jpeg + b"\r\n")


class NetworkTest(ToolTest):
    def start(self, location, *arguments):
        return subprocess.Popen([SAVE, "--source", location, "--format", "npy", *arguments, self.path("store")],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for_frames(self, process):
        """Until the store has some frames."""
        end = time.monotonic() + 20
        while run(INFO, self.path("store")).returncode != 0 or self.info(self.path("store"))["frame_count"] < 5:
            self.assertIsNone(process.poll(), process.communicate() if process.poll() is not None else "")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def assert_breaks_off(self, process, *words):
        """It says so, and the frames before are sound and in order. Returns how many they are."""
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (1, ""), err)
        # A frame may have been on its way, of which only a piece came.
        lines = [line for line in err.splitlines() if "dropped: " not in line and "lost: " not in line]
        self.assertEqual(len(lines), 1, err)
        for word in ("frames are sound and kept", *words):
            self.assertIn(word, lines[0])
        info = self.info(self.path("store"))
        self.assertEqual(len([numpy.load(path) for path in self.pictures()]), info["frame_count"])
        self.assertGreater(info["frame_count"], 4)
        self.assertFalse(info["unfinished"])
        return info["frame_count"]

    def assert_true_times(self, begin, late_s):
        """The pictures' numbers say when they were taken."""
        frames = numpy.concatenate([numpy.load(path)[None] for path in self.pictures()])
        numbers = [rtsp_server.number_of(frame) for frame in frames]
        times = self.info(self.path("store"), "--frames")["frame_time"]
        self.assertTrue((numpy.diff(times) > 0).all())
        self.assertEqual(numbers, sorted(set(numbers)))
        late = numpy.array(times) - (begin + numpy.array(numbers) / rtsp_server.RATE)
        self.assertGreater(late.min(), -0.01)
        self.assertLess(numpy.median(late), late_s)

    def pictures(self):
        root = self.path("store")
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names
                      if name.endswith(".npy"))


class Http(NetworkTest):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      functools.partial(Handler, directory=self.dir))
        self.server.daemon_threads = True
        self.server.begin = time.time()
        self.server.stopped = threading.Event()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.stopped.set)
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]

    def test_a_file_is_what_it_is_on_disk(self):
        for name in ("clip.mkv", "clip.mp4"):
            self.clip(name)
            local = self.save("local-" + name, "--format", "npy", source=self.path(name))
            remote = self.save("remote-" + name, "--format", "npy", source=self.url + name)
            for part in ("frame_count", "frame_time"):
                self.assertEqual(self.info(local, "--frames")[part], self.info(remote, "--frames")[part])

    def test_nothing_there(self):
        self.assert_fails(run(SAVE, "--source", self.url + "none.mp4", self.path("store"), timeout=20), 1, "404",
                          "none.mp4")
        self.server.shutdown()
        self.server.server_close()
        self.assert_fails(run(SAVE, "--source", self.url + "none.mp4", self.path("store"), timeout=20), 1, "refused")
        self.assertFalse(os.path.exists(self.path("store")))

    def test_a_server_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for scheme in ("http", "rtsp"):
                url = "%s://127.0.0.1:%d/camera" % (scheme, silent.getsockname()[1])
                begin = time.monotonic()
                result = run(SAVE, "--source", url, "--source-options", "wait=1", self.path("store"), timeout=20)
                self.assert_fails(result, 1, "nothing came for 1 s", "wait=SECONDS", url)
                self.assertLess(time.monotonic() - begin, 5)
                # Whoever does not want to wait so long need not.
                waiting = self.start(url)
                time.sleep(0.3)
                waiting.send_signal(signal.SIGINT)
                waiting.communicate(timeout=5)
                self.assertNotEqual(waiting.returncode, 0)
                self.assertFalse(os.path.exists(self.path("store")))
        result = run(SAVE, "--source", url, "--source-options", "wait=soon", self.path("store"))
        self.assert_fails(result, 1, "wait=soon")

    def test_a_server_that_stalls(self):
        self.clip("clip.avi", "-c:v", "mjpeg")
        kept = self.assert_breaks_off(self.start(self.url + "stall/clip.avi", "--source-options", "wait=1"),
                                      "nothing came for 1 s")
        self.assertTrue(10 < kept < 35, kept)

    def test_interrupted_while_it_stalls(self):
        self.clip("clip.avi", "-c:v", "mjpeg")
        process = self.start(self.url + "stall/clip.avi")
        self.wait_for_frames(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=5)
        self.assertEqual((process.returncode, err), (0, ""))
        self.assertIn(" frames kept", out)

    def test_a_slow_server_is_waited_for(self):
        self.clip("clip.avi", "-c:v", "mjpeg")
        store = self.save("store", "--source-options", "wait=1", source=self.url + "slow/clip.avi")
        self.assertEqual(self.info(store)["frame_count"], 50)

    def test_a_camera(self):
        """One JPEG after the other: the time of each is when it came."""
        process = self.start(self.url + "camera", "--duration", "1.5")
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, err)
        self.assert_true_times(self.server.begin, 0.15)


@unittest.skipIf(NO_RTSP, NO_RTSP)
class Rtsp(NetworkTest):
    def serve(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rtsp_server.py")
        self.server = subprocess.Popen([sys.executable, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        port, begin = self.server.stdout.readline().split()
        self.begin = float(begin)
        self.url = f"rtsp://127.0.0.1:{port}/"

    def test_recording(self):
        self.serve()
        for transport in ("udp", "tcp"):
            with self.subTest(transport):
                process = self.start(self.url + "camera", "--duration", "2", "--source-options",
                                     "rtsp_transport=" + transport)
                _, err = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 0, err)
                self.assert_true_times(self.begin, 0.3)
                self.assert_the_camera_s_times_are_kept()
                os.rename(self.path("store"), self.path(transport))

    def assert_the_camera_s_times_are_kept(self):
        with contextlib.closing(sqlite3.connect(self.path("store/.index.sqlite"))) as index:
            rows = index.execute("SELECT frames.frame_time, camera_times.time FROM frames JOIN camera_times "
                                 "ON frames.rowid = camera_times.frame ORDER BY frames.rowid").fetchall()
        self.assertGreaterEqual(len(rows), self.info(self.path("store"))["frame_count"] - 1)  # 0 is none
        times, camera_times = numpy.array(rows).T
        self.assertTrue((numpy.diff(camera_times) > 0).all())
        self.assertLess(numpy.ptp(times - camera_times), 0.2)

    def test_nothing_there(self):
        self.serve()
        self.assert_fails(run(SAVE, "--source", self.url + "none", self.path("store"), timeout=20), 1, "404", "none")

    def test_the_server_dies(self):
        self.serve()
        process = self.start(self.url + "camera")
        self.wait_for_frames(process)
        self.server.kill()
        self.assert_breaks_off(process, "the stream ended")

    def test_the_server_hangs(self):
        self.serve()
        process = self.start(self.url + "camera", "--source-options", "wait=1")
        self.wait_for_frames(process)
        self.server.send_signal(signal.SIGSTOP)
        self.assert_breaks_off(process, "nothing came for 1 s")


if __name__ == "__main__":
    toolkit.main()
