// expect: the function of a worker without ends is called with () or (std::stop_token)
#include <inquest/inquest.hpp>

void copy_files(int from, int to);

void start() { auto worker = inquest::spawn("copier", copy_files); }
