// The loss curve of a run, as numbers and as an Arrow stream: any reader of Arrow takes it from there,
// such as `arrow::ImportRecordBatchReader(curve)`.

#include <algorithm>
#include <libresult.hpp>

double lowest_loss(const char *run, ArrowArrayStream *curve) {
  const auto frame = libresult::Run::open(run).read_frame({{"column", "loss"}});
  const auto loss = frame.column<double>("loss");
  frame.export_to(curve);
  return *std::min_element(loss.begin(), loss.end());
}
