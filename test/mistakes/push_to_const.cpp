// expect: a const end neither pushes nor pops: pass it as sender<T>& or receiver<T>&, and make the lambda that captured it mutable
#include <inquest/inquest.hpp>

void start(inquest::sender<int> tx) {
    auto worker = inquest::spawn("source", [tx] { (void)tx.push(1); });
}
