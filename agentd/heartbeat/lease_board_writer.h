#pragma once
// The one writer of the lease board. The file is reused in place across restarts of mold-heartbeat,
// so readers keep their mapping and the next instance can go on where the last one stopped. A lock
// file beside it keeps a second instance out. Supervisor's thread only.
#include <optional>
#include <string>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/lease_board_layout.h"

namespace mold::heartbeat {

class LeaseBoardWriter {
 public:
  // kBusy: another instance holds the board.
  static Result<LeaseBoardWriter> open(const std::string& path);

  LeaseBoardWriter(LeaseBoardWriter&& other) noexcept;
  LeaseBoardWriter& operator=(LeaseBoardWriter&&) = delete;
  LeaseBoardWriter(const LeaseBoardWriter&) = delete;
  LeaseBoardWriter& operator=(const LeaseBoardWriter&) = delete;
  ~LeaseBoardWriter();

  // Copies the used part of the image; never waits, never fails.
  void publish(const BoardImage& image);

 private:
  LeaseBoardWriter(UniqueFd lock, BoardFile* board) : lock_(std::move(lock)), board_(board) {}

  UniqueFd lock_;
  BoardFile* board_;
};

}  // namespace mold::heartbeat
