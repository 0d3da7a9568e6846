// How the storage of a lab host behaves right now: the control file of faultfs, read before each
// request.
//
//   ok | hang | eio | ro | slow MILLISECONDS
//
// The file is read anew every time, so a fault is in force when the command that wrote it has
// returned. Thread safety: any thread; no state but the name of the file.
#ifndef TESTS_LAB_FAULT_GATE_H_
#define TESTS_LAB_FAULT_GATE_H_

#include <string>
#include <utility>

namespace mold_lab {

enum class Access { kRead, kWrite };

class FaultGate {
 public:
  explicit FaultGate(std::string control_file) : control_file_(std::move(control_file)) {}

  // Waits or refuses as the file says: 0 to go on, or an errno (EIO, EROFS). "hang" waits until the
  // file says something else; the caller of the file system is in D state meanwhile.
  int pass(Access access) const;

 private:
  std::string control_file_;
};

}  // namespace mold_lab

#endif  // TESTS_LAB_FAULT_GATE_H_
