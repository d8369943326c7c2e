// Stores rows in a database, batch by batch: see store_options.hpp for what it promises.
#include "sqlite_table.hpp"
#include "store.hpp"

int main(int argc, char** argv) { return store_rows<sqlite_table>(argc, argv); }
