"""In: the address of a camera. Out: its frames. RTSP 1.0 (RFC 2326) over one TCP connection.

The only connection is to the address that the host name resolves to at the start; redirects are
refused. This process parses packets; the video is decoded in the sandbox, without a network.
"""
