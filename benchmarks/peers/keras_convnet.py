"""The "Simple MNIST convnet" of keras.io, TensorFlow backend, on data of the same form.

Network: 3×3 convolutions of 32 and 64, each with a max-pool, dropout 0.5, dense softmax. Learning:
Adam, batch 128, 15 epochs.

Departs: no tenth of the training data is held out, so that nothing is spent on a validation side.
Source: keras.io, examples/vision/mnist_convnet (written anew from the recipe).
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from _clock import Clock, report
from _idx import arguments, read
from keras import layers


class Curve(keras.callbacks.Callback):
    """Tests after each epoch while the clock stands still."""

    def __init__(self, clock, x, y, stop):
        super().__init__()
        self.clock, self.x, self.y, self.stop = clock, x, y, stop

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        with self.clock.paused():
            guess = self.model.predict(self.x, batch_size=1000, verbose=0).argmax(1)
            reached = float((guess == self.y).mean())
        report(self.clock.spent, reached)
        self.model.stop_training = reached >= self.stop


def network() -> keras.Model:
    """Build the example's network."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    """Train; print seconds and test accuracy after each epoch."""
    clock, options = Clock(), arguments(__doc__, epochs=15)
    keras.utils.set_random_seed(options.seed)
    x, y = _floats(*read(options.data, "train", options.limit))
    with clock.paused():
        test_x, test_y = _floats(*read(options.data, "t10k", options.limit))
    model = network()
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    curve = Curve(clock, test_x, test_y, options.stop)
    model.fit(x, y, batch_size=128, epochs=options.epochs, verbose=0, callbacks=[curve])


def _floats(pictures, labels):
    return pictures[..., None].astype("float32") / 255, labels


if __name__ == "__main__":
    main()
