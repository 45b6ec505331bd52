// Lines that must not compile: each would leave something that points to freed memory, or is owned
// twice. must_not_compile.sh compiles this file without them, and then with them.

#include <libresult.hpp>

using namespace libresult;

void all_is_well(Run &run, Checkpoint &best, Value &metadata, Ranking &ranking, Frame &frame,
                 Directory &directory) {
  ValueRef value = metadata;
  CheckpointRef checkpoint = best;
  static_cast<void>(run.metrics()["eval"]["loss"].as_double());
  static_cast<void>(ranking[0].checkpoint.name());
  static_cast<void>(frame.columns()[0].name);
  static_cast<void>(directory.path());

#ifdef WRONG
  Run::open("run").metrics();
  Run::open("run").metric("loss");
  Run::open("run").checkpoints();
  Run::open("run").leftovers();
  Run::open("run").latest_checkpoint();
  Run::open("run").resume_checkpoint();
  Run::open("run").failure();
  Run::open("run").diagnostics();
  Run::open("run").status();
  Run::open("run").status_detail();
  Run::open("run").configured_metric();
  Run::open("run").attempts();
  Run::open("run").config();
  Run::open("run").config_source();
  Run::open("run").return_value();
  Run::open("run").return_value_source();
  Run::open("run").uri();
  Run::open("run").path();
  Run::open("run").filesystem();
  Run::open("run").ray_version();
  Run::open("run").get();
  for (CheckpointRef of_none : Run::open("run").checkpoints()) checkpoint = of_none;
  run.best_checkpoint("loss", Mode::min).name();
  run.best_checkpoint("loss", Mode::min).path();
  run.best_checkpoint("loss", Mode::min).uri();
  run.best_checkpoint("loss", Mode::min).filesystem();
  run.best_checkpoint("loss", Mode::min).metrics();
  run.best_checkpoint("loss", Mode::min).get();
  run.rank_checkpoints("loss", Mode::min).skipped();
  run.rank_checkpoints("loss", Mode::min).begin();
  run.rank_checkpoints("loss", Mode::min).end();
  run.rank_checkpoints("loss", Mode::min).get();
  run.rank_checkpoints("loss", Mode::min)[0];
  run.read_frame().columns();
  run.read_frame().column<double>("loss");
  run.read_frame().column<double>(0);
  run.read_frame().string(0, 0);
  run.read_frame().validity(0);
  run.read_frame().diagnostics();
  run.read_frame().get();
  for (Column of_none : run.read_frame().columns()) static_cast<void>(of_none);
  best.read_metadata()["step"];
  best.read_metadata()[0];
  best.read_metadata().find("step");
  best.read_metadata().begin();
  best.read_metadata().end();
  best.read_metadata().elements();
  best.read_metadata().as_string();
  best.read_metadata().get();
  best.open_directory().path();
  best.open_directory().get();
  best.read_files().begin();
  best.read_files().end();
  best.read_files().get();
  best.read_files()[0];
  Directory second_directory = directory;
  ValueRef gone_value = best.read_metadata();
  CheckpointRef gone_checkpoint = run.best_checkpoint("loss", Mode::min);
  value = best.read_metadata();
  checkpoint = run.best_checkpoint("loss", Mode::min);
  Run second_run = run;
  Value second_value = metadata;
  Ranking second_ranking = ranking;
  Frame second_frame = frame;
#endif
}
