// OpenCV's VideoCapture, whose seeking is what imgstore in Python reads frames with.
#include "bench_others.h"

#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

namespace
{

struct capture {
    cv::VideoCapture video;
    cv::Mat picture;
    int next = 0;
};

void *open_video(const char *path)
{
    auto *opened = new capture;
    if (opened->video.open(path, cv::CAP_FFMPEG))
        return opened;
    delete opened;
    return nullptr;
}

bool read_frame(void *handle, int index)
{
    auto *c = static_cast<capture *>(handle);
    if (index != c->next && !c->video.set(cv::CAP_PROP_POS_FRAMES, index))
        return false;
    c->next = index + 1;
    return c->video.read(c->picture);
}

void close_video(void *handle)
{
    delete static_cast<capture *>(handle);
}

} // namespace

const struct other_reader opencv_reader = {"OpenCV", open_video, read_frame, close_video};
