#include "opencv_match.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

const char *opencv_version(void)
{
    return "OpenCV " CV_VERSION;
}

void opencv_match(const uint8_t *pattern, int size, const uint8_t *picture, ptrdiff_t stride, int width, int height,
                  int *x, int *y)
{
    static cv::Mat scores;
    cv::setNumThreads(1);
    const cv::Mat wanted(size, size, CV_8UC1, const_cast<uint8_t *>(pattern));
    const cv::Mat image(height, width, CV_8UC1, const_cast<uint8_t *>(picture), static_cast<size_t>(stride));
    cv::matchTemplate(image, wanted, scores, cv::TM_CCOEFF_NORMED);
    cv::Point place;
    cv::minMaxLoc(scores, nullptr, nullptr, nullptr, &place);
    *x = place.x;
    *y = place.y;
}
