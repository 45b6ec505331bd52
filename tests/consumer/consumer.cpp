// Prints the version of the library and the checkpoint of a run with the least loss.
#include <libresult.hpp>

#include <iostream>

int main(int argc, char **argv) {
  auto run = libresult::Run::open(argc > 1 ? argv[1] : ".");
  auto best = run.best_checkpoint("loss", libresult::Mode::min);
  std::cout << libresult::version() << ' ' << best.name() << '\n';
}
