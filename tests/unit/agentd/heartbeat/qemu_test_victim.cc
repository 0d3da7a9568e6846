// Stands for a QEMU: holds a file of a pool open and waits to be killed. With "--leaderless" its
// main thread ends first, so that its leader is a zombie while another thread goes on.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>

namespace {

void* wait_for_the_end(void*) {
  while (true) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc < 2 || ::open(argv[1], O_RDWR | O_CREAT, 0600) < 0) return 1;
  // Only the open file shall give it away, unless it was started with "--by-name".
  if (argc < 3 || std::strcmp(argv[2], "--by-name") != 0)
    std::memset(argv[1], 'x', std::strlen(argv[1]));
  if (argc >= 3 && std::strcmp(argv[2], "--by-name") == 0) ::close(3);
  if (argc >= 3 && std::strcmp(argv[2], "--leaderless") == 0) {
    pthread_t thread;
    (void)::pthread_create(&thread, nullptr, wait_for_the_end, nullptr);
    ::pthread_exit(nullptr);
  }
  wait_for_the_end(nullptr);
}
