"""A camera on the network, for tests: rtsp_server.py streams H.264 as rtsp://127.0.0.1:PORT/camera.

Each picture carries its number, see number_of(). The first line on standard output is "PORT BEGIN": picture n was taken
at BEGIN + n / RATE, seconds since 1970. Needs GStreamer with its RTSP server, as the README says.
"""
import sys
import time

import numpy

WIDTH, HEIGHT, RATE, BITS = 320, 240, 30, 20
BLOCK = WIDTH // BITS


def picture_of(number):
    """Black and white blocks, the highest bit at the left."""
    bits = [255 * (number >> (BITS - 1 - i) & 1) for i in range(BITS)]
    return numpy.tile(numpy.repeat(numpy.array(bits, numpy.uint8), BLOCK), (HEIGHT, 1))


def wait_for_next(begin):
    """Until the next picture is to be taken. Returns its number."""
    number = int((time.time() - begin) * RATE + 0.01) + 1  # the clock is not quite as fine as a double
    time.sleep(max(0, begin + number / RATE - time.time()))
    return number


def number_of(picture):
    """The number of a picture, gray or colour."""
    gray = picture if picture.ndim == 2 else picture[..., 1]
    middle = gray[HEIGHT // 2, BLOCK // 2::BLOCK]
    return sum(int(value > 127) << (BITS - 1 - i) for i, value in enumerate(middle))


def load():
    """GLib, Gst and GstRtspServer, or ImportError."""
    import gi
    try:
        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
    except ValueError as error:
        raise ImportError(error) from error
    from gi.repository import GLib, Gst, GstRtspServer
    Gst.init(None)
    missing = [name for name in ("appsrc", "videoconvert", "x264enc", "rtph264pay")
               if not Gst.ElementFactory.find(name)]
    if missing:
        raise ImportError(f"GStreamer has no {', '.join(missing)}")
    return GLib, Gst, GstRtspServer


def main():
    GLib, Gst, GstRtspServer = load()
    begin = time.time()

    def give(source, _size):
        """Called when the encoder wants a picture: waits for the next and hands it over."""
        source.emit("push-buffer", Gst.Buffer.new_wrapped(picture_of(wait_for_next(begin)).tobytes()))

    def begin_to_give(_factory, media):
        media.get_element().get_by_name("source").connect("need-data", give)

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( appsrc name=source is-live=true do-timestamp=true format=time max-bytes=1 "
                       f"caps=video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate={RATE}/1 "
                       "! videoconvert ! video/x-raw,format=I420 "
                       "! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max=15 "
                       "! rtph264pay name=pay0 pt=96 )")
    factory.set_shared(True)
    factory.connect("media-configure", begin_to_give)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    print(server.get_bound_port(), begin, flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    sys.exit(main())
