"""Batched random views of images, declared in conf/views/ and made on the device of the images."""
