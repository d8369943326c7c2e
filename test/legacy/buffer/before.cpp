// Buffers a stream between a slow and a fast end, in the style of mbuffer (Thomas Maier-Komor): a ring of blocks, an input thread, an
// output thread, a watchdog thread, two semaphores.
//
// What goes wrong here, as there: whatever ends the input thread arrives at the output as an end of file, which ends it well. mbuffer makes
// up for that with a flag for the exit status, which every place that may fail has to set. The watchdog below, which cancels an input
// thread whose input has stalled, is such a place, and does not: the output is short, and the exit status is 0.
//
// usage: buffer [-q] [-s BLOCKSIZE] [-b BLOCKS] [-W MILLISECONDS] [-i INPUT] [-o OUTPUT]
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

static int In = 0, Out = 1, Quiet = 0, ErrorOccurred = 0;
static size_t Blocksize = 10240;
static int Numblocks = 64;
static long Timeout = 0; // of the watchdog
static char** Buffer;
static sem_t Dev2Buf, Buf2Dev;                // free blocks, filled blocks
static int At = 0;                            // the block that is being filled
static volatile int Finish = -1;              // the last block, once there is one
static volatile size_t Rest = 0;              // and its length
static volatile unsigned long long Numin = 0; // blocks read and written
static volatile unsigned long long Numout = 0;
static volatile int Terminate = 0;
static pthread_t Reader, Writer, Watchdog;

static void errormsg(const char* message, ...) {
    va_list values;
    va_start(values, message);
    fputs("buffer: ", stderr);
    vfprintf(stderr, message, values);
    va_end(values);
    ErrorOccurred = 1;
}

static void endOfInput(void*) {
    Finish = At;
    sem_post(&Buf2Dev);
}

static void* inputThread(void*) {
    pthread_cleanup_push(endOfInput, nullptr);
    for (;;) {
        Rest = 0;
        sem_wait(&Dev2Buf);
        if (Terminate) pthread_exit(nullptr);
        size_t num = 0;
        while (num < Blocksize) {
            const ssize_t in = read(In, Buffer[At] + num, Blocksize - num);
            if (in == -1 && errno == EINTR) continue;
            if (in <= 0) { // error or end-of-file
                if (in == -1)
                    errormsg("error reading at offset %llu: %s\n", Numin * Blocksize + num, strerror(errno));
                pthread_exit(nullptr);
            }
            num += (size_t)in;
            Rest = num;
        }
        ++Numin;
        sem_post(&Buf2Dev);
        At = (At + 1) % Numblocks;
    }
    pthread_cleanup_pop(1);
    return nullptr;
}

static void* outputThread(void*) {
    for (int at = 0;; at = (at + 1) % Numblocks) {
        sem_wait(&Buf2Dev);
        const size_t size = at == Finish ? Rest : Blocksize;
        for (size_t done = 0; done < size;) {
            const ssize_t out = write(Out, Buffer[at] + done, size - done);
            if (out == -1 && errno == EINTR) continue;
            if (out == -1) {
                errormsg("error writing at offset %llu: %s\n", Numout * Blocksize + done, strerror(errno));
                Terminate = 1;
                sem_post(&Dev2Buf);
                pthread_exit(nullptr);
            }
            done += (size_t)out;
        }
        if (at == Finish) return nullptr;
        ++Numout;
        sem_post(&Dev2Buf);
    }
}

// Ends an input from which nothing has come for that long.
static void* watchdogThread(void*) {
    unsigned long long seen = 0;
    size_t seenRest = 0;
    const struct timespec limit = {Timeout / 1000, Timeout % 1000 * 1000000};
    for (;;) {
        nanosleep(&limit, nullptr);
        int free = 0;
        sem_getvalue(&Dev2Buf, &free);
        if (Numin == seen && Rest == seenRest && free > 0) pthread_cancel(Reader);
        seen = Numin;
        seenRest = Rest;
    }
}

static void summary(double seconds) {
    const double kib = (double)(Numout * Blocksize + Rest) / 1024;
    if (!Quiet) fprintf(stderr, "summary: %.0f kiByte in %.1fsec\n", kib, seconds);
}

int main(int argc, char** argv) {
    int option;
    while ((option = getopt(argc, argv, "qs:b:W:i:o:")) != -1) {
        switch (option) {
        case 'q':
            Quiet = 1;
            break;
        case 's':
            Blocksize = strtoul(optarg, nullptr, 0);
            break;
        case 'b':
            Numblocks = atoi(optarg);
            break;
        case 'W':
            Timeout = atol(optarg);
            break;
        case 'i':
            In = open(optarg, O_RDONLY);
            break;
        case 'o':
            Out = open(optarg, O_WRONLY | O_CREAT | O_TRUNC, 0666);
            break;
        default:
            return 2;
        }
        if (In == -1 || Out == -1) {
            errormsg("unable to open %s: %s\n", optarg, strerror(errno));
            return 1;
        }
    }
    if (Blocksize == 0 || Numblocks <= 0) {
        errormsg("there is no buffer\n");
        return 2;
    }
    Buffer = (char**)malloc((size_t)Numblocks * sizeof(char*));
    for (int i = 0; i < Numblocks; ++i) Buffer[i] = (char*)malloc(Blocksize);
    sem_init(&Dev2Buf, 0, (unsigned)Numblocks);
    sem_init(&Buf2Dev, 0, 0);
    const time_t start = time(nullptr);
    pthread_create(&Reader, nullptr, inputThread, nullptr);
    pthread_create(&Writer, nullptr, outputThread, nullptr);
    if (Timeout > 0) pthread_create(&Watchdog, nullptr, watchdogThread, nullptr);
    pthread_join(Writer, nullptr);
    pthread_join(Reader, nullptr);
    if (Timeout > 0) {
        pthread_cancel(Watchdog);
        pthread_join(Watchdog, nullptr);
    }
    if (close(Out) == -1) errormsg("error closing the output: %s\n", strerror(errno));
    summary(difftime(time(nullptr), start));
    for (int i = 0; i < Numblocks; ++i) free(Buffer[i]);
    free(Buffer);
    return ErrorOccurred;
}
