#include "agentd/heartbeat/lease_board_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mold::heartbeat {
namespace {

// A new board, complete before anybody can open it.
Status create_board(const std::string& path) {
  const std::string tmp = path + ".tmp";
  const UniqueFd fd(::open(tmp.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail(errno_error(errno, "creating " + tmp));
  // All of it now: a full /run must be an error here, not a SIGBUS later.
  if (const int error = ::posix_fallocate(fd.get(), 0, sizeof(BoardFile)); error != 0) {
    return fail(errno_error(error, "sizing " + tmp));
  }
  struct {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t size;
  } const head{kBoardMagic, kBoardVersion, sizeof(BoardFile)};
  if (::pwrite(fd.get(), &head, sizeof head, 0) != static_cast<ssize_t>(sizeof head)) {
    return fail(errno_error(errno, "writing " + tmp));
  }
  if (::rename(tmp.c_str(), path.c_str()) != 0) return fail(errno_error(errno, "renaming " + tmp));
  return {};
}

Result<BoardFile*> map_board(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail(errno_error(errno, "stat of " + path));
  if (info.st_size != static_cast<off_t>(sizeof(BoardFile))) {
    return fail(ErrorKind::kUnsupported, path + ": other layout");
  }
  void* at = ::mmap(nullptr, sizeof(BoardFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) return fail(errno_error(errno, "mapping " + path));
  auto* board = static_cast<BoardFile*>(at);
  if (board->magic != kBoardMagic || board->version != kBoardVersion ||
      board->size != sizeof(BoardFile)) {
    ::munmap(at, sizeof(BoardFile));
    return fail(ErrorKind::kUnsupported, path + ": other layout");
  }
  return board;
}

}  // namespace

Result<LeaseBoardWriter> LeaseBoardWriter::open(const std::string& path) {
  const std::string lock_path = path + ".lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock) return fail(errno_error(errno, "opening " + lock_path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorKind::kBusy, lock_path + ": another mold-heartbeat is running");
  }
  auto board = map_board(path);
  if (!board) {
    MOLD_TRY_VOID(create_board(path));
    board = map_board(path);
  }
  if (!board) return fail(board.error());
  // A writer that died in an update left an odd sequence.
  std::atomic_ref<std::uint64_t> sequence((*board)->sequence);
  if (sequence.load() % 2 != 0) sequence.fetch_add(1);
  return LeaseBoardWriter(std::move(lock), *board);
}

LeaseBoardWriter::LeaseBoardWriter(LeaseBoardWriter&& other) noexcept
    : lock_(std::move(other.lock_)), board_(std::exchange(other.board_, nullptr)) {}

LeaseBoardWriter::~LeaseBoardWriter() {
  if (board_ != nullptr) ::munmap(board_, sizeof(BoardFile));
}

void LeaseBoardWriter::publish(const BoardImage& image) {
  std::atomic_ref<std::uint64_t> sequence(board_->sequence);
  const auto before = sequence.load(std::memory_order_relaxed);
  sequence.store(before + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  copy_words_in(&board_->image.head, &image.head, sizeof image.head);
  for (std::uint32_t i = 0; i < image.head.pool_count; ++i) {
    const auto& pool = image.pools[i];
    copy_words_in(&board_->image.pools[i].head, &pool.head, sizeof pool.head);
    copy_words_in(board_->image.pools[i].readings, pool.readings,
                  pool.head.reading_count * sizeof(BoardReading));
  }
  std::atomic_thread_fence(std::memory_order_release);
  sequence.store(before + 2, std::memory_order_release);
}

}  // namespace mold::heartbeat
