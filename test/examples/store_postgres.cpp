// Stores rows in a database, batch by batch: see store_options.hpp for what it promises.
#include "postgres_table.hpp"
#include "store.hpp"

int main(int argc, char** argv) { return store_rows<postgres_table>(argc, argv); }
